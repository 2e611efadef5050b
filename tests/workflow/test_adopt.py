"""A finished tree whose sidecars have the first format is taken over without training anything.

The tree is what commit 38d8a86d made of tests/workflow's two milestones and best, on fake trainers.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts.reruns import renamed
from tests.workflow.conftest import Project
from tests.workflow.test_reruns import TABLE, edit, jobs, trained

ARCHIVE = Path(__file__).parent / "finished-in-format-1.tar.xz"
PRETRAINED = "results/pretrain/mandarin"
BRANCH = "results/finetune/aishell1/from/mandarin/after-20-updates/lr-0.1/seed-1"


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """Where it was made stands in some of its files: it is put where it lies now."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    directory = tmp_path / "project"
    for path in (*directory.glob("*.yaml"), *(directory / ".snakemake").rglob("*"), directory / "results/config.yaml"):
        if path.is_file():
            path.write_text(path.read_text().replace("/WORKING-DIRECTORY", str(directory)))
    return Project(directory)


def adopt(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.reruns.adopt", "--directory", str(project.directory), *words],
        cwd=project.repository,
        env=os.environ | {"PYTHONPATH": str(project.repository)},
        capture_output=True,
        text=True,
    )


def test_nothing_is_planned_before_it_is_taken_over(old: Project) -> None:
    for words in ((), ("-n",)):
        run = old.snakemake(*words)
        assert run.code != 0 and run.rules == []
        assert "after-10-updates.pt was made by another release of this software" in run.output
        assert "python -m scripts.reruns.adopt --directory" in run.output


def test_it_says_what_it_takes_on_trust_and_changes_nothing_without_leave(old: Project) -> None:
    before = {path: path.read_bytes() for path in (old.directory / "results").rglob("*.json")}
    said = adopt(old)
    assert said.returncode == 0, said.stderr
    assert f"{PRETRAINED}/after-20-updates.pt: as its sidecar says; on trust: fairseq_plugin" in said.stdout
    assert f"{BRANCH}/epochs: as its sidecar says; on trust: command, espnet_layer" in said.stdout
    best = "results/finetune/aishell1/from/mandarin/best: is called after-30-updates now"
    assert best in said.stdout and "22 products can be taken over." in said.stdout  # and 7 of this branch
    assert "as 38d8a86d4467 (" in said.stdout
    assert said.stdout.endswith("Nothing has been changed: add --yes to write their sidecars anew.\n")
    assert {path: path.read_bytes() for path in (old.directory / "results").rglob("*.json")} == before


def test_what_was_taken_over_is_not_trained_again(old: Project) -> None:
    """Lists and packed audio are made again, and hold what was heard before."""
    table = list(csv.DictReader(old.read("results/cer.tsv").splitlines(), delimiter="\t"))
    assert adopt(old, "--yes").returncode == 0
    planned = jobs(old.snakemake("-n"))
    assert not {"pretrain", "finetune", "transcribe"} & set(planned)
    run = old.snakemake(FAKE_FAIRSEQ_FAILS="1", FAKE_ESPNET_FAILS="1")
    assert {"list_utterances", "concatenate", "trace"} <= set(jobs(run)) <= set(planned)
    assert old.snakemake().nothing
    now = csv.DictReader(old.read("results/cer.tsv").splitlines(), delimiter="\t")
    assert [{key: row[key] for key in table[0]} for row in now] == table  # columns were added since
    card = json.loads(old.read("results/provenance.json"))["parts"][f"{PRETRAINED}/after-20-updates.pt"]
    assert card["git_commit"].startswith("38d8a86d") and set(card["adopted"]["trusted"]) == {"fairseq_plugin"}


def test_the_trainers_own_directories_go_along(old: Project) -> None:
    """So that what is deleted later costs nothing, and a segment that was underway goes on."""
    shutil.rmtree(old.directory / PRETRAINED / "audio")
    restored = old.directory / "restored"
    old_work = {path.name for path in (old.directory / PRETRAINED / "work").iterdir()}
    refused = adopt(old, "--yes")
    assert refused.returncode == 1 and "audio/train-0000.zip does not hold what" in refused.stderr
    assert {path.name for path in (old.directory / PRETRAINED / "work").iterdir()} == old_work
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(restored, filter="data")
    shutil.copytree(restored / "project" / PRETRAINED / "audio", old.directory / PRETRAINED / "audio")
    for name in ("after-30-updates", "best-until-30-updates"):  # as if it was being trained
        for ending in (".pt", ".json"):
            (old.directory / PRETRAINED / f"{name}{ending}").unlink()
    assert adopt(old, "--yes").returncode == 0
    shutil.rmtree(old.directory / BRANCH.replace("20", "10") / "epochs")
    (old.directory / PRETRAINED / "after-20-updates.pt").unlink()
    milestones = [f"{PRETRAINED}/after-{updates}-updates.pt" for updates in (20, 30)]
    asked = [*milestones, BRANCH.replace("20", "10") + "/epochs"]
    assert old.snakemake(*asked, FAKE_FAIRSEQ_FAILS="1", FAKE_ESPNET_FAILS="1").code == 0


def test_what_is_another_file_is_not_taken_over(old: Project) -> None:
    shutil.copy(old.directory / PRETRAINED / "after-10-updates.pt", old.directory / PRETRAINED / "after-20-updates.pt")
    refused = adopt(old, "--yes")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: {PRETRAINED}/after-20-updates.pt is not the file that its sidecar vouches for (sha256): "
        "nothing is taken over\n"
    )
    assert "format" not in json.loads(old.read(f"{PRETRAINED}/after-10-updates.json"))


def test_what_is_stale_for_another_reason_stays_so(old: Project) -> None:
    (old.directory / "fairseq.yaml").write_text("optimization: {lr: [0.2]}\nlr_scheduler: {total_num_update: 30}\n")
    assert adopt(old, "--yes").returncode == 0
    refused = old.snakemake()
    assert refused.code != 0 and "because of recipe.optimization (None -> {'lr': [0.2]})" in refused.output


def test_a_branch_that_was_called_best_is_renamed(project: Project) -> None:
    """What an earlier release of this format has left, with the last milestone fine-tuned as the best alone."""
    table = project.read("results/cer.md").splitlines()[:-1]
    for path in sorted((project.directory / "results").glob("*/**/from/mandarin/after-30-updates")):
        renamed.rename(path, path.with_name("best"))
    refused = project.snakemake()
    assert refused.code != 0 and refused.rules == []
    sentence = "from/mandarin/best was made by an earlier release of this software, and is called after-30-updates now"
    assert sentence in refused.output
    said = adopt(project)
    assert said.returncode == 0 and said.stdout.count("best: is called after-30-updates now\n") == 5
    assert "Nothing has been changed" in said.stdout and project.snakemake("-n").code != 0
    assert adopt(project, "--yes").returncode == 0
    assert set(jobs(project.snakemake())) <= TABLE
    assert project.snakemake().nothing
    assert project.read("results/cer.md").splitlines()[:-1] == table


def test_code_that_decides_no_result_can_be_taken_over_too(project: Project) -> None:
    """The same release, with a plugin that was tidied up."""
    edit(project.repository / "scripts/pretrain/fairseq_numerics.py", "\ndef _mix", "\nTIDY = 1\n\n\ndef _mix")
    refused = project.snakemake()
    assert refused.code != 0 and "would be trained again, because of fairseq_plugin" in refused.output
    said = adopt(project, "--yes")
    assert said.returncode == 0 and "on trust: fairseq_plugin" in said.stdout
    assert trained(project.snakemake()) == {}
    assert project.snakemake().nothing
