"""No table is made from stale parts, and every number of it can be followed back to the bytes it came from."""

import json
import os
import shutil
from pathlib import Path

import pytest

from scripts.common import files
from tests.workflow.conftest import Project
from tests.workflow.test_reruns import edit, jobs, project

__all__ = ["project"]

BRANCH = "mandarin/after-20-updates"
TEXT = f"results/transcripts/aishell1/test/from/{BRANCH}/lr-0.1/seed-1/text"
SCORE = f"results/cer/aishell1/test/from/{BRANCH}/lr-0.1/seed-1.json"
AVERAGE = f"results/finetune/aishell1/from/{BRANCH}/lr-0.1/seed-1/average-of-last-2.pth"
CHECKPOINT = f"results/pretrain/{BRANCH}.pt"
OTHER = "after-10-updates"  # a part of the same kind


def restore(project: Project, file: str, source: Path) -> None:
    """Put another file in a file's place, with the date of the one that was there: Snakemake cannot tell."""
    target = project.directory / file
    date = target.stat()
    target.unlink()
    shutil.copyfile(source, target)
    os.utime(target, ns=(date.st_atime_ns, date.st_mtime_ns))


def test_every_number_is_tied_to_bytes(finished: Project) -> None:
    record = json.loads(finished.read("results/provenance.json"))
    table = [line.split("\t") for line in finished.read("results/cer.tsv").splitlines()[1:]]
    assert [str(number["cer"]) for number in record["numbers"]] == [line[-1] for line in table]
    for number in record["numbers"]:
        *above, score = number["parts"]
        for file in above:
            card, path = record["parts"][file], finished.directory / file
            if path.is_dir():
                assert card["epochs"] == {weights.name: files.sha256(weights) for weights in path.glob("*.pth")}
            else:
                assert card["sha256"] == files.sha256(path)
            assert {"git_commit", "environment", "versions", "seconds_in_this_job"} <= set(card)
        text = record["parts"][above[-1]]
        assert record["parts"][score]["made_from"]["transcript"] == text["sha256"]
    assert f"Run `{record['run']}`, commit `" in finished.read("results/cer.md").splitlines()[-1]


@pytest.mark.parametrize("file", [TEXT, SCORE])
def test_what_was_replaced_is_refused_until_it_is_mended(project: Project, file: str) -> None:
    """The small parts are looked at in every run, whatever their date."""
    before = project.read("results/cer.tsv")
    restore(project, file, project.directory / file.replace(BRANCH, f"mandarin/{OTHER}"))
    refused = project.snakemake()
    assert refused.code != 0
    assert f"error: {file} is stale" in refused.output and "-R " + file in refused.output
    assert "tabulate" not in refused.rules
    mended = project.snakemake("-R", file)
    assert {"score_cer", "trace", "tabulate"} <= set(jobs(mended))
    assert project.read("results/cer.tsv") == before
    assert project.snakemake().nothing


@pytest.mark.parametrize("file", [AVERAGE, CHECKPOINT])
def test_weights_that_were_replaced_make_no_table(project: Project, file: str) -> None:
    restore(project, file, project.directory / file.replace(BRANCH, f"mandarin/{OTHER}"))
    refused = project.snakemake("-R", "trace")
    assert refused.code != 0 and "tabulate" not in refused.rules
    assert f"error: {file} is stale ({Path(file).stem}.json describes another file (sha256))" in refused.output
    assert project.snakemake("-R", file).code == 0


def test_what_was_only_touched_makes_no_table(project: Project) -> None:
    """--touch tells Snakemake that what other code has made is up to date."""
    edit(project.repository / "scripts/evaluate/transcribe.py", "\ndef main", "\nNEW = 1\n\n\ndef main")
    assert project.snakemake("--touch").code == 0
    (project.directory / "results/cer.md").unlink()
    refused = project.snakemake("-R", "trace")
    assert refused.code != 0 and "is stale (code (" in refused.output
    assert f"-R {TEXT.replace(BRANCH, 'mandarin/' + OTHER).replace('/test/', '/dev/')} " in refused.output


def test_a_missing_sidecar_is_named(project: Project) -> None:
    """Nothing needs it until the table is made again."""
    (project.directory / f"{TEXT}.json").unlink()
    (project.directory / TEXT).unlink()
    assert project.snakemake().nothing
    refused = project.snakemake("-R", "trace")
    assert refused.code != 0 and f"{TEXT}.json is missing" in refused.output
    assert project.snakemake("-R", TEXT).code == 0
