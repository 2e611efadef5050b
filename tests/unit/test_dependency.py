"""By which options a new job waits for one that still makes the same output."""

from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.trainers import dependency, queue
from scripts.trainers.dependency import after_living


def job(number: str, task: str) -> queue.Job:
    return queue.Job(number, "PENDING", "None", None, None, None, "", "run", Path("log"), task)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[queue.Job]:
    """What SLURM's queue holds; every test asks anew."""
    jobs: list[queue.Job] = []
    dependency._jobs.cache_clear()
    monkeypatch.setattr(queue, "jobs", lambda directory: jobs)
    return jobs


def test_with_nothing_in_the_queue_it_only_goes_on_in_its_log(queued: list[queue.Job]) -> None:
    assert after_living("pretrain", ("mandarin", "50000"), Path()) == "--open-mode=append"


def test_it_waits_for_every_job_of_the_same_rule_and_wildcards(queued: list[queue.Job]) -> None:
    tasks = ["pretrain mandarin 50000", "pretrain mandarin 5000", "finetune mandarin 50000", "pretrain mandarin 50000"]
    queued += [job(str(number), task) for number, task in enumerate(tasks, 11)]
    said = after_living("pretrain", ("mandarin", "50000"), Path())
    assert said == "--open-mode=append --dependency=afterany:11:14"


def test_where_there_is_no_slurm_it_waits_for_nothing(queued, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(directory: Path) -> list[queue.Job]:
        raise StepError("squeue is not installed")

    monkeypatch.setattr(queue, "jobs", fail)
    assert after_living("pretrain", (), Path()) == "--open-mode=append"


def test_jobs_that_are_submitted_together_ask_once(queued, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(queue, "jobs", lambda directory: asked.append(directory) or [])
    now = [100.0]
    monkeypatch.setattr(dependency.time, "monotonic", lambda: now[0])
    for moment in (100.0, 101.0, 102.0, 200.0):
        now[0] = moment
        after_living("pretrain", (), Path("here"))
    assert asked == [Path("here")] * 2
