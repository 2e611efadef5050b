"""The jobs of a working directory, from a squeue that answers as the real one was seen to."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cluster import words
from scripts.common.errors import StepError
from scripts.trainers import queue


def test_a_job_of_this_directory_is_read_whole(slurm, row, tmp_path: Path) -> None:
    directory = tmp_path / "runs of 普通话"
    directory.mkdir()
    times = {"StartTime": "2026-11-22T20:53:33", "TimeUsed": "1-02:03:04", "TimeLimit": "2-00:00:00"}
    slurm.queue(row(directory, "17", NodeList="gpu[03-04]", **times))

    (job,) = queue.jobs(directory)

    assert (job.id, job.state, job.run, job.nodes) == ("17", "RUNNING", "run-a", "gpu[03-04]")
    assert job.task == "pretrain mandarin 50000"
    assert job.start == datetime(2026, 11, 22, 20, 53, 33)
    assert job.elapsed == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert job.limit == timedelta(days=2)


def test_jobs_of_other_directories_are_left_out(slurm, row, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    slurm.queue(
        row(tmp_path / "here", "9"),
        row(tmp_path / "here", "10"),
        row(tmp_path / "here too", "11"),
        row(tmp_path / "here" / "below", "12"),
        row(tmp_path, "13", StdOut="/home/me/slurm-13.out"),
    )
    assert [job.id for job in queue.jobs(tmp_path / "here")] == ["9", "10"]


def test_a_link_to_the_directory_is_followed_as_snakemake_does(slurm, row, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    slurm.queue(row(tmp_path / "real", "1"))
    assert [job.id for job in queue.jobs(tmp_path / "link")] == ["1"]


def test_a_user_s_own_squeue_settings_do_not_matter(slurm, row, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")  # the fake fails where it sees one
    slurm.queue(row(tmp_path, "1"))
    assert queue.jobs(tmp_path)


@pytest.mark.parametrize(
    ("log", "task"),
    [
        ("rule_tabulate/3.log", "tabulate"),
        (
            "rule_finetune/aishell1_mandarin_after-50000-updates_0.0002_1/3.log",
            "finetune aishell1 mandarin after-50000-updates 0.0002 1",
        ),
        ("rule_write_manifest/mandarin_train/%j.log", "write_manifest mandarin train"),
        ("group_abc/3.log", "group abc"),
    ],
)
def test_rule_and_wildcards_are_told_by_the_log(log: str, task: str) -> None:
    assert queue.task(Path(log)) == task


def test_no_squeue_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError, match="squeue is not installed"):
        queue.jobs(tmp_path)


def test_a_squeue_that_fails_is_quoted(slurm, tmp_path: Path) -> None:
    slurm.program("squeue", "import sys; sys.exit('slurm_load_jobs error: Unable to contact slurm controller')")
    with pytest.raises(StepError, match=r"squeue failed: .*Unable to contact slurm controller"):
        queue.jobs(tmp_path)


@given(st.binary(max_size=6000))
def test_half_a_line_is_no_job(line: bytes) -> None:
    assert queue.parse(line, Path("/here/.snakemake/slurm_logs")) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:07", 7), ("12:34", 754), ("1:00:00", 3600), ("9-23:59:59", 863_999), ("UNLIMITED", None), ("", None)],
)
def test_spans_as_squeue_writes_them(text: str, seconds: int | None) -> None:
    assert queue.span(text) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (29.6, "30 s"),
        (59.7, "1 min"),
        (3_599, "1 h 0 min"),
        (12_000, "3 h 20 min"),
        (86_399, "1 d 0 h"),
        (792_000, "9 d 4 h"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("Priority", "jobs of higher priority come first (Priority)"),
        ("None", "SLURM has not looked at it yet"),
        ("DependencyNeverSatisfied", "waits for a job that can never end as wanted"),
        ("ReqNodeNotAvail, UnavailableNodes:gpu03", "down, drained or reserved"),
        ("ReqNodeNotAvail,_UnavailableNodes:gpu03", "down, drained or reserved"),
        ("AssocGrpGRES", "as many GPUs as it may at once"),
        ("AssocGrpGRESMinutes", "used up its GPU hours"),
        ("AssocGrpMemLimit", "your account has as much as it may"),
        ("QOSMaxJobsPerUserLimit", "as many of your jobs run as may"),
        ("PartitionTimeLimit", "lower runtime in the profile"),
        ("SomethingNew", "SomethingNew"),
        ("", "gives no reason"),
    ],
)
def test_reasons_in_words(reason: str, text: str) -> None:
    assert text in words.reason(reason)


def test_no_reason_is_hidden_by_a_shorter_one_before_it() -> None:
    names = list(words.REASONS)
    hidden = [b for i, a in enumerate(names) for b in names[i + 1 :] if b.casefold().startswith(a.casefold())]
    assert not hidden
