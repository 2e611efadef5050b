"""examples/own-task: somebody's Snakefile that takes the pre-training and adds a task of its own."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.small_demo import REPOSITORY, snakemake

pytestmark = pytest.mark.e2e


def test_a_task_of_ones_own(copy_demo: Callable[[Path], Path], tmp_path: Path) -> None:
    """It makes what is new, and nothing of ours again."""
    directory = copy_demo(tmp_path / "demo")
    theirs = ["--snakefile", str(REPOSITORY / "examples/own-task/Snakefile")]
    said = snakemake(directory, *theirs)
    found = sorted(directory.glob("results/speakers/*.txt"))
    milestones = yaml.safe_load((directory / "small.yaml").read_text())["pretraining"]["mandarin"]["milestones"]
    assert [path.name for path in found] == [f"after-{updates}-updates.txt" for updates in milestones]
    assert all(re.fullmatch(r"[01]\.\d{3} of \d+ utterances of \d+ speakers; .*\n", path.read_text()) for path in found)
    assert set(re.findall(r"\(Rule: (\w+)\)", said)) == {"recognise_speakers", "all"}
    assert "Nothing to be done" in snakemake(directory, *theirs)
