"""What a job asks SLURM, against a squeue and scontrol that answer as SLURM 22.05 does."""

import datetime
import math
import os
from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.trainers import requeue, slurm
from scripts.trainers.ownership import Busy
from scripts.trainers.supervisor import TIME_LIMIT, Paused


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a program in front of the PATH; what it is called with is appended to NAME.calls."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "PAUSES", (0, 0))

    def write(name: str, body: str) -> Path:
        calls = tmp_path / f"{name}.calls"
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\n{body}\n", encoding="utf-8")
        program.chmod(0o755)
        return calls

    return write


def test_outside_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert slurm.allocation() is None


@pytest.mark.parametrize(
    ("said", "ends", "nodes"),
    [
        ("2026-11-22T20:00:00 2", datetime.datetime(2026, 11, 22, 20).timestamp(), 2),
        ("N/A 1", math.inf, 1),
        ("", math.inf, 1),
    ],
)
def test_allocation(answer, monkeypatch: pytest.MonkeyPatch, said: str, ends: float, nodes: int) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    calls = answer("squeue", f"echo '{said}'")
    assert slurm.allocation() == slurm.Allocation("17", ends, nodes)
    assert calls.read_text() == "--noheader --jobs 17 --format %e %D\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo RUNNING", True),
        ("echo COMPLETING", True),
        ("echo PENDING", False),
        ("echo PREEMPTED", False),
        ("echo COMPLETED", False),
        ("true", False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", True),
        ("echo 'who knows' >&2; exit 1", True),
    ],
)
def test_doubt_counts_as_alive(answer, body: str, expected: bool) -> None:
    answer("squeue", body)
    assert slurm.may_write("17") is expected


def test_without_squeue_a_job_counts_as_alive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.may_write("17") is True


def test_a_controller_that_restarts_is_asked_again(answer, tmp_path: Path) -> None:
    once = f"if [ ! -e '{tmp_path}/asked' ]; then touch '{tmp_path}/asked'; echo 'Unable to contact' >&2; exit 1; fi"
    calls = answer("squeue", f"{once}; echo COMPLETED")
    assert slurm.may_write("17") is False
    assert len(calls.read_text().splitlines()) == 2


def test_a_requeue_that_is_refused(answer) -> None:
    answer("scontrol", "echo 'Requested operation is presently disabled for job 17' >&2; exit 1")
    with pytest.raises(StepError, match=r"job 17 could not requeue itself \(Requested .*\): submit it with --requeue"):
        slurm.requeue("17")


@pytest.mark.parametrize(
    ("reason", "requeued"), [(Paused(TIME_LIMIT), True), (Busy("x is being made"), True), (Paused("SIGTERM"), False)]
)
def test_what_goes_back_into_the_queue(monkeypatch, capsys, reason: Exception, requeued: bool) -> None:
    asked: list[str] = []
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setattr(slurm, "requeue", asked.append)

    def main() -> None:
        raise reason

    with pytest.raises(SystemExit):
        requeue.exit_or_requeue(main)
    assert asked == ["17"] * requeued


def test_outside_slurm_a_stop_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)

    def main() -> None:
        raise Paused("SIGINT")

    with pytest.raises(SystemExit) as caught:
        requeue.exit_or_requeue(main)
    assert caught.value.code == "error: stopped by SIGINT; started again, it goes on from what is saved"
