"""Every shipped config and profile plans the whole of its experiment."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import BIN, REPOSITORY, environment_of_fakes


def roots(directory: Path, *names: str) -> None:
    """Empty corpora: a plan needs no more than their lists."""
    for name in names:
        root = directory / "corpora" / name
        files = ["wav.scp", "trans.txt"] if "iOS" in name else ["transcript/aishell_transcript_v0.8.txt"]
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).touch()


def plan(directory: Path, *words: str) -> str:
    """What `snakemake -n` says in `directory`, started from the repository as a user would."""
    command = ["snakemake", "-n", "--quiet", "rules", "--directory", directory, *words]
    call = subprocess.run(command, cwd=REPOSITORY, env=environment_of_fakes(), capture_output=True, text=True)
    return f"{call.stdout}{call.stderr}exit code {call.returncode}"


def counts(output: str) -> dict[str, int]:
    """Jobs of each rule in the table that snakemake prints."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


def test_the_published_experiment(tmp_path: Path) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    said = plan(tmp_path, "--cores", "1", "--configfile", "config/config.yaml")
    jobs = counts(said)
    # six milestones and the end of the run; fine-tuned: the six and the English model
    assert jobs["pretrain"] == 7 and jobs["finetune"] == 7 and jobs["score_cer"] == 14 and jobs["concatenate"] == 65
    # and the best, if it is none of these
    assert jobs["choose_best"] == 1 and "Which checkpoint of mandarin is the best is known once all are there." in said
    assert "If it is a milestone, its row of the table (*) costs nothing, else 1 fine-tuning beside those" in said


def test_the_demo(tmp_path: Path) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell", "English/iOS/data")
    jobs = counts(plan(tmp_path, "--profile", "profiles/demo"))
    # after 0, 50, 400 and 800 updates, and the English model; the best is one of these, or will be a sixth
    assert jobs["initialise"] == 1 and jobs["pretrain"] >= 4 and jobs["finetune"] == 5
    assert "provide_checkpoint" not in jobs


def test_real_speech_in_small(tmp_path: Path) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    jobs = counts(plan(tmp_path, "--profile", "profiles/demo", "--configfile", "config/sample.yaml"))
    assert jobs["initialise"] == 1 and jobs["finetune"] >= 3 and "provide_checkpoint" not in jobs


def test_one_gpu_and_open_data(tmp_path: Path) -> None:
    roots(tmp_path, "data_aishell", "MAGICDATA")
    jobs = counts(plan(tmp_path, "--cores", "1", "--configfile", "config/one-gpu.yaml"))
    # four milestones and the English model; two corpora, packed into 64 archives and one
    assert jobs["pretrain"] == 4 and jobs["finetune"] == 5 and jobs["drop_leakage"] == 2 and jobs["concatenate"] == 65


def test_the_slurm_profile(tmp_path: Path) -> None:
    """Planned without conda, which a dry run would ask for its version."""
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    jobs = counts(plan(tmp_path, "--profile", "profiles/slurm", "--software-deployment-method", "env-modules"))
    assert jobs["pretrain"] == 7 and jobs["finetune"] == 7


def test_progress_bars_for_long_runs(tmp_path: Path) -> None:
    """docs/reproduce.md recommends them; the plugin is pinned in workflow/envs/snakemake.yaml."""
    pytest.importorskip("snakemake_logger_plugin_rich", reason="Snakemake's rich logger is not installed")
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    output = plan(tmp_path, "--cores", "1", "--configfile", "config/config.yaml", "--logger", "rich")
    assert output.endswith("exit code 0"), output


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ("pretraining: {mandarin: {milestone: [1]}}", "pretraining.mandarin.milestone is not known: did you mean mile"),
        ("pretraining: {mandarin: {validation_fraction: 1.5}}", "pretraining.mandarin.validation_fraction"),
        ("pretraining: {mandarin: {corpus: aishell3}}", "pretraining.mandarin.corpus: there is no aishell3 in corpora"),
        ("corpora: {aishell2: {root: nowhere}}", "corpora.aishell2.root: nowhere is not a directory"),
    ],
)
def test_a_wrong_config_is_one_sentence(tmp_path: Path, overlay: str, sentence: str) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    (tmp_path / "overlay.yaml").write_text(overlay)
    output = plan(tmp_path, "--cores", "1", "--configfile", str(tmp_path / "overlay.yaml"))
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and sentence in errors[0] and output.endswith("exit code 1"), output
    assert "Traceback" not in output


def test_lint() -> None:
    """ruff and snakefmt, as in `make lint`."""
    call = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=REPOSITORY, capture_output=True, text=True)
    assert call.returncode == 0, call.stdout
    call = subprocess.run(
        [BIN / "snakefmt", "--check", "Snakefile", "workflow"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert call.returncode == 0, call.stderr


def test_snakemake_lint(tmp_path: Path) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    command = ["snakemake", "--lint", "--directory", tmp_path]
    call = subprocess.run(command, cwd=REPOSITORY, env=environment_of_fakes(), capture_output=True, text=True)
    assert call.returncode == 0 and "good condition" in call.stdout + call.stderr, call.stdout + call.stderr


def test_a_recipe_that_cannot_work_is_named_and_planned(tmp_path: Path) -> None:
    roots(tmp_path, "AISHELL-2/iOS/data", "data_aishell")
    (tmp_path / "few.yaml").write_text("pretraining: {mandarin: {updates: 40, milestones: [0, 20, 40]}}")
    words = ("--profile", "profiles/demo", "--configfile", "config/sample.yaml")
    said, named = plan(tmp_path, *words), plan(tmp_path, *words, str(tmp_path / "few.yaml"))
    sentence = "pretraining.mandarin.updates is 40, and lr_scheduler.warmup_updates in config/pretrain/demo.yaml 50:"
    assert "warmup_updates" not in said and named.count(sentence) == 1
    assert counts(named)["pretrain"] == 2
