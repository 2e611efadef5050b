"""No table is made from stale parts, and every number of it can be followed back to the bytes it came from."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.common import files
from scripts.common.processor import processor
from scripts.finetune.data import data_digest
from tests.workflow.conftest import Project
from tests.workflow.test_reruns import edit, edit_recipe, jobs

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
    table = csv.DictReader(finished.read("results/cer.tsv").splitlines(), delimiter="\t")
    assert [str(number["cer"]) for number in record["numbers"]] == [row["cer"] for row in table]
    for number in record["numbers"]:
        *above, score = number["parts"]
        for file in above:
            card, path = record["parts"][file], finished.directory / file
            if path.name == "epochs":
                assert card["epochs"] == {weights.name: files.sha256(weights) for weights in path.glob("*.pth")}
            elif path.name == "data":
                assert card["digest"] == data_digest(path)
            else:
                assert card["sha256"] == files.sha256(path)
            assert {"made_from", "git_commit", "environment", "versions", "seconds_in_this_job"} <= set(card)
        assert [Path(file).name for file in above[:2]] == ["utterances.tsv"] * 2
        text = record["parts"][above[-1]]
        assert record["parts"][score]["made_from"]["transcript"] == text["sha256"]
    assert record["processors"] == [processor()]
    assert f"Experiment `{record['experiment']}`, commit `" in finished.read("results/cer.md").splitlines()[-1]


@pytest.mark.slow
def test_a_transcript_that_was_replaced_is_refused_until_it_is_mended(project: Project) -> None:
    """Transcripts are looked at in every run, whatever their date."""
    before = project.read("results/cer.tsv")
    restore(project, TEXT, project.directory / TEXT.replace(BRANCH, f"mandarin/{OTHER}"))
    refused = project.snakemake()
    assert refused.code != 0
    assert f"error: {TEXT} is stale" in refused.output and "-R " + TEXT in refused.output
    assert "tabulate" not in refused.rules
    mended = project.snakemake("-R", TEXT)
    assert {"score_cer", "trace", "tabulate"} <= set(jobs(mended))
    assert project.read("results/cer.tsv") == before
    assert project.snakemake().nothing


def test_a_score_that_was_replaced_is_made_again(project: Project) -> None:
    """It says itself that it was made from another transcript."""
    before = project.read("results/cer.tsv")
    restore(project, SCORE, project.directory / SCORE.replace(BRANCH, f"mandarin/{OTHER}"))
    made = {"score_cer": 1, "trace": 1, "tabulate": 1, "plot": 1, "plot_finetunings": 1, "write_report": 1}
    assert jobs(project.snakemake()) == made | {"list_errors": 1, "tabulate_errors": 1, "plot_errors": 1}
    assert project.read("results/cer.tsv") == before
    assert project.snakemake().nothing


@pytest.mark.slow
@pytest.mark.parametrize("file", [AVERAGE, CHECKPOINT])
def test_weights_that_were_replaced_make_no_table(project: Project, file: str) -> None:
    restore(project, file, project.directory / file.replace(BRANCH, f"mandarin/{OTHER}"))
    refused = project.snakemake("-R", "trace")
    assert refused.code != 0 and "tabulate" not in refused.rules
    assert f"error: {file} is stale ({Path(file).stem}.json describes another file (sha256))" in refused.output
    assert project.snakemake("-R", file).code == 0


@pytest.mark.slow
def test_what_was_only_touched_is_made_again(project: Project) -> None:
    """--touch tells Snakemake that what other code has made is up to date; the sidecars know better."""
    edit(project.repository / "scripts/evaluate/transcribe.py", "\ndef main", "\nNEW = 1\n\n\ndef main")
    assert project.snakemake("--touch").code == 0
    assert jobs(project.snakemake())["transcribe"] == 3
    assert project.snakemake().nothing


def trace(project: Project) -> subprocess.CompletedProcess[str]:
    """The step alone, as its rule calls it."""
    config = json.dumps(yaml.safe_load(project.read("results/config.yaml")))
    return subprocess.run(
        [sys.executable, "-m", "scripts.results.trace", "--config", config, "--output", "results/provenance.json"],
        cwd=project.directory,
        env=os.environ | {"PYTHONPATH": str(project.repository)},
        capture_output=True,
        text=True,
    )


def test_what_was_deleted_is_vouched_for_by_what_was_made_from_it(project: Project) -> None:
    """Until it is not what is wanted any more."""
    before = json.loads(project.read("results/provenance.json"))
    for folder in ("corpora", "pretrain", "finetune", "transcripts"):
        shutil.rmtree(project.directory / "results" / folder)
    assert trace(project).returncode == 0
    record = json.loads(project.read("results/provenance.json"))
    assert record["experiment"] == before["experiment"]
    assert record["parts"][CHECKPOINT]["sha256"] == before["parts"][CHECKPOINT]["sha256"]
    edit_recipe(project, "espnet", seed=7)
    refused = trace(project)
    assert refused.returncode == 1 and "/epochs is stale (recipe.seed (None -> 7))" in refused.stderr
