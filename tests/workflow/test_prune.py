"""A project whose work directories were pruned is as finished as before."""

from scripts.cluster import prune, status
from scripts.cluster.works import Kind
from tests.workflow.conftest import Project


def test_a_pruned_project_has_nothing_to_do(finished: Project) -> None:
    before = status.report(finished.directory, None, now=0.0)
    found = prune.find(finished.directory, ())
    assert [work.kind for work in found] == [Kind.PUBLISHED] * 6  # three milestones, three branches
    prune.remove(found)
    assert prune.find(finished.directory, ()) == []
    assert status.report(finished.directory, None, now=0.0) == before
    run = finished.snakemake()
    assert run.code == 0 and run.nothing, run.output
