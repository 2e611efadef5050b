"""Jobs that a killed Snakemake left: listed, explained, and cancelled only where asked to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cluster.orphans import Known, known


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A working directory, with a space in its path, in which a Snakemake was killed."""
    directory = tmp_path / "my run"
    (directory / ".snakemake" / "locks").mkdir(parents=True)
    (directory / ".snakemake" / "log").mkdir()
    (directory / ".snakemake" / "locks" / "0.output.lock").touch()
    return directory


@pytest.fixture
def two_runs(slurm, row, directory: Path):
    """Jobs 5 and 6 of run-a, and 7 of run-b; 8 is ending; 9 is another directory's."""
    slurm.queue(
        row(directory, "5"),
        row(directory, "6", State="PENDING", Reason="Priority"),
        row(directory, "7", Name="run-b"),
        row(directory, "8", State="COMPLETING"),
        row(directory.parent, "9"),
    )
    return slurm


def test_orphans_are_listed_by_run_with_what_to_do(two_runs, step, directory: Path) -> None:
    done = step("cluster.orphans", "--directory", directory)

    assert done.returncode == 0, done.stderr
    first, second, advice = done.stdout.strip().split("\n\n")
    assert "Run run-a: orphans" in first and "5 pretrain mandarin 50000" in first and "higher priority" in first
    assert "Run run-b" in second and "7 pretrain" in second
    assert "snakemake --unlock, then start snakemake again" in advice and "--cancel" in advice
    assert "8 pretrain" not in done.stdout and "9 pretrain" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert two_runs.cancelled == []


def test_cancel_takes_exactly_the_orphans(two_runs, step, directory: Path) -> None:
    done = step("cluster.orphans", "--directory", directory, "--cancel")
    assert done.returncode == 0, done.stderr
    assert two_runs.cancelled == [["5", "6", "7"]]
    assert done.stdout.endswith("cancelled: 5 6 7\n")


def test_cancel_can_be_kept_to_one_run(two_runs, step, directory: Path) -> None:
    done = step("cluster.orphans", "--directory", directory, "--cancel", "--run", "run-b")
    assert two_runs.cancelled == [["7"]]
    assert "run-a" not in done.stdout


def test_jobs_of_a_snakemake_that_runs_are_left_alone(two_runs, step, directory: Path) -> None:
    log = directory / ".snakemake" / "log" / "2026-11-22T205146.090202.snakemake.log"
    log.write_text("Building DAG of jobs...\nSLURM run ID: run-b\n")
    with log.open("a") as opened:  # as Snakemake keeps its log open
        living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=opened)
    try:
        done = step("cluster.orphans", "--directory", directory, "--cancel")
    finally:
        living.communicate(b"\n")
    assert f"Run run-b: its Snakemake runs (process {living.pid})" in done.stdout
    assert "the Snakemake that runs waits for them" in done.stdout and "--unlock" not in done.stdout
    assert two_runs.cancelled == [["5", "6"]]


def test_an_empty_queue_is_said_and_nothing_cancelled(slurm, step, directory: Path) -> None:
    done = step("cluster.orphans", "--directory", directory, "--cancel")
    assert done.returncode == 0, done.stderr
    assert "no job of" in done.stdout and "snakemake --unlock" in done.stdout and "nothing to cancel" in done.stdout
    assert slurm.cancelled == []


def test_a_scancel_that_is_refused_is_one_sentence(two_runs, step, directory: Path) -> None:
    two_runs.program("scancel", "import sys; sys.exit('scancel: error: Kill job error on job id 5: Access denied')")
    done = step("cluster.orphans", "--directory", directory, "--cancel")
    assert done.returncode == 1
    assert done.stderr == "error: scancel failed: scancel: error: Kill job error on job id 5: Access denied\n"


def test_a_directory_that_is_not_there_is_named(slurm, step, tmp_path: Path) -> None:
    done = step("cluster.orphans", "--directory", tmp_path / "nowhere")
    assert done.returncode == 1 and "nowhere is not a directory" in done.stderr


def test_what_is_known_without_any_snakemake(tmp_path: Path) -> None:
    assert known(tmp_path) == Known(locked=False, driven={})


def test_another_directory_s_log_does_not_count(directory: Path, tmp_path: Path) -> None:
    log = tmp_path / "other.snakemake.log"
    log.write_text("SLURM run ID: run-a\n")
    opened = tmp_path / "proc" / "17" / "fd"
    opened.mkdir(parents=True)
    os.symlink(log, opened / "3")
    os.symlink("socket:[1]", opened / "4")
    assert known(directory, tmp_path / "proc") == Known(locked=True, driven={})
