"""The whole demo on fake trainers, and make, below a folder whose name has all that a path may hold."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.places import AWKWARD, copy_repository
from tests.workflow.conftest import BIN, REPOSITORY, Project, Run, environment_of_fakes, make
from tests.workflow.test_plans import counts, roots


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy at an awkward place, with the tests' own environment."""
    copy = copy_repository(tmp_path_factory.mktemp("places") / AWKWARD)
    (copy / ".venv").symlink_to(BIN.parent)
    return copy


def test_repository_working_directory_and_corpora(repository: Path) -> None:
    place = repository.parent / "the work"
    project = Project(make(place, utterances=12).directory, repository)
    (place / "corpora").rename(repository.parent / "the corpora")
    corpora = {
        "corpora__aishell1__root": str(repository.parent / "the corpora/data_aishell"),
        "corpora__aishell2__root": str(repository.parent / "the corpora/AISHELL-2/iOS/data"),
    }
    small = {"milestones": [10], "updates": 10, "best": False, "audio_shards": 1}
    project.configure(**corpora, **{f"pretraining__mandarin__{key}": value for key, value in small.items()})
    run = project.snakemake()
    assert run.code == 0, run.output
    assert {"pretrain", "finetune", "transcribe", "tabulate"} <= set(run.rules)
    assert project.read("results/cer.md").startswith("| AISHELL-1 | dev | test |\n")
    scp = project.read("results/finetune/aishell1/data/train/wav.scp").splitlines()
    assert scp and all(f"/{AWKWARD}/the corpora/" in line for line in scp)
    again = project.snakemake()
    assert again.code == 0 and again.nothing, again.output
    report = project.snakemake("--report", "report.html")
    assert report.code == 0 and "cer-by-updates.svg" in project.read("report.html"), report.output


def called(repository: Path, *words: str) -> str:
    """What make says, which has to succeed; it takes the environment as it is."""
    command = ["make", "--old-file=.venv/.complete", *words]
    call = subprocess.run(command, cwd=repository, env=environment_of_fakes(), capture_output=True, text=True)
    assert call.returncode == 0, call.stdout + call.stderr
    return call.stdout + call.stderr


def test_make_demo(repository: Path) -> None:
    roots(repository / "runs/demo", "AISHELL-2/iOS/data", "data_aishell", "English/iOS/data")
    said = called(repository, "demo", "ARGS=-n --quiet rules")
    jobs = counts(said)
    assert jobs["pretrain"] >= 4 and jobs["finetune"] == 5 and jobs["tabulate"] == 1, said


def test_make_sample(repository: Path) -> None:
    roots(repository.parent / "some speech", "AISHELL-2/iOS/data", "data_aishell")
    given = repository.parent / "some speech/corpora"
    said = called(repository, "sample", f"CORPORA={os.path.relpath(given, repository)}", "ARGS=-n --quiet rules")
    jobs = counts(said)
    assert jobs["initialise"] == 1 and jobs["finetune"] >= 3, said
    assert (repository / "runs/sample/corpora").resolve() == given


def test_make_sample_without_corpora_says_what_it_wants(repository: Path) -> None:
    command = ["make", "--old-file=.venv/.complete", "sample"]
    call = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert call.returncode != 0 and "make sample CORPORA=DIR: DIR holds data_aishell/ and AISHELL-2/" in call.stdout


def test_make_status(repository: Path) -> None:
    directory = repository.parent / "a run"
    directory.mkdir()
    said = called(repository, "status", f"DIRECTORY={directory}", "ARGS=--configfile config/config.yaml")
    assert f"nothing has started in {directory}" in said


REFUSED = {
    "the working directory": "the working directory has { in its path, ",
    "the repository": "the repository has { in its path, ",
    "a root": "config key corpora.aishell1.root has { in its path, ",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_taken_is_refused_before_anything_is_planned(what: str, tmp_path: Path) -> None:
    """Braces: Snakemake would stumble over them first."""
    (tmp_path / "{x}").mkdir()
    repository = copy_repository(tmp_path / "{x}") if what == "the repository" else REPOSITORY
    directory = tmp_path / "{x}" if what == "the working directory" else tmp_path
    roots(directory, "AISHELL-2/iOS/data", "data_aishell")
    roots(tmp_path / "{x}", "data_aishell")
    words = ["-n", "--cores", "1", "--directory", directory]
    if what == "a root":
        overlay = {"corpora": {"aishell1": {"root": str(tmp_path / "{x}/corpora/data_aishell")}}}
        (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        words += ["--configfile", tmp_path / "overlay.yaml"]
    command = ["snakemake", "--snakefile", repository / "Snakefile", *words]
    call = subprocess.run(command, cwd=tmp_path, env=environment_of_fakes(), capture_output=True, text=True)
    errors = [line for line in call.stderr.splitlines() if line.startswith("error: ")]
    assert call.returncode == 1 and len(errors) == 1 and errors[0].startswith(f"error: {REFUSED[what]}"), call.stderr
    assert "Traceback" not in call.stderr and not Run(call.returncode, call.stdout + call.stderr).rules


def test_conda_environments_behind_a_quote_are_refused(repository: Path) -> None:
    roots(repository.parent / "with conda", "AISHELL-2/iOS/data", "data_aishell")
    command = ["snakemake", "-n", "--cores", "1", "--sdm", "conda", "--directory", repository.parent / "with conda"]
    call = subprocess.run(command, cwd=repository, env=environment_of_fakes(), capture_output=True, text=True)
    assert call.returncode == 1 and "which has ' in it: say --conda-prefix" in call.stderr, call.stderr
