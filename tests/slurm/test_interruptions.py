"""Whatever ends a job of pre-training, the milestone comes out with the bits of an uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.e2e.steps import differences
from tests.e2e.test_fairseq import trained_bits
from tests.slurm.cluster import Cluster, call, wait_until
from tests.slurm.conftest import PAUSE, Place, environment, locally
from tests.workflow.conftest import REPOSITORY

SECONDS = 20  # of training, at least: long enough to interrupt it
LONGEST = 90  # seconds that a job of two minutes can train: it is asked to save in the last quarter of its time


@pytest.fixture
def training(place) -> Place:
    """A milestone some seconds of training away; no retry is allowed, so none is used."""
    return without_retries(place(int(SECONDS / PAUSE)))


def without_retries(place: Place) -> Place:
    place.edit_profile(retries=0)
    return place


def started(training: Place) -> subprocess.Popen[bytes]:
    """A snakemake whose job is in the middle of its training, in the second epoch."""
    running = training.snakemake()
    training.wait_for_update(10)
    return running


def kill(snakemake: subprocess.Popen[bytes]) -> None:
    """kill -9, which leaves its job running."""
    os.killpg(snakemake.pid, signal.SIGKILL)
    snakemake.wait()


def check(place: Place, uninterrupted, starts: int) -> None:
    """The milestone has the bits of an uninterrupted run; so many jobs, or starts of one, worked on it."""
    assert len(place.owners) == starts, place.said()
    expected = trained_bits(uninterrupted(place.updates))
    assert list(differences(expected, trained_bits(place.milestone))) == []


def no_update_was_repeated(place: Place) -> bool:
    return place.updates_logged == list(range(1, place.updates + 1))


def test_four_short_jobs_make_the_milestone_of_one(place, uninterrupted) -> None:
    """A job's time is up before its milestone: it saves, requeues itself and goes on under its id.

    Not a minute: of that a slow machine needs all to start.
    """
    pause = 12 * PAUSE
    short = replace(place(int(3 * LONGEST / pause) + 1), pause=pause)  # the fourth job does not pause
    short.edit_profile(pretrain__runtime=2, retries=0)
    running = short.snakemake()
    uninterrupted(short.updates)  # meanwhile
    assert short.finish(running, 900) == 0, short.said()
    assert len(short.owners) >= 4
    assert no_update_was_repeated(short)
    assert len(set(short.job_ids)) == 1
    check(short, uninterrupted, len(short.owners))


def test_preemption(training: Place, uninterrupted) -> None:
    """SLURM takes the GPUs for a job of a better partition, and starts ours again."""
    training.edit_profile(pretrain__slurm_partition='"preemptible"')
    running = started(training)
    words = ["-p", "gpu", "-N2", "--gpus=16", "-t1", "-o", "/dev/null", "--wrap", "sleep 5"]
    urgent = call("sbatch", "--parsable", *words).stdout.strip()
    wait_until(lambda: "RUNNING" in call("squeue", "-h", "-j", urgent, "-o", "%T").stdout, 60)
    assert training.finish(running) == 0, training.said()
    check(training, uninterrupted, starts=2)
    assert no_update_was_repeated(training), "it did not save when it was told to go"


def test_a_cancelled_job_saves_and_fails_and_the_next_run_goes_on(training: Place, uninterrupted) -> None:
    running = started(training)
    (job,) = training.jobs()
    call("scancel", job)
    assert training.finish(running) == 1
    assert f"{job}.log" in training.said(), "the log of the failed job is named"
    assert "stopped by SIGTERM; started again, it goes on from what is saved" in training.said(), "and shown"
    assert training.finish(training.snakemake()) == 0, training.said()
    check(training, uninterrupted, starts=2)
    assert no_update_was_repeated(training)


def test_a_killed_snakemake_and_its_successor(place, uninterrupted) -> None:
    """The job runs on; the next snakemake's job waits for it, and publishes what it made."""
    training = without_retries(place(int(2 * SECONDS / PAUSE)))  # three snakemakes start meanwhile
    first = started(training)
    (orphan,) = training.jobs()
    kill(first)

    listed = orphans(training)
    assert orphan in listed and "orphan" in listed
    unlock = training.snakemake("--unlock")
    assert training.finish(unlock) == 0, training.said()
    with pytest.raises(
        AssertionError, match=rf"error: .*after-{training.updates}-updates is being made by job {orphan} on"
    ):
        locally(training.directory, training.target, "--show-failed-logs")
    second = training.snakemake()
    wait_until(lambda: len(training.jobs()) == 2, 60)
    (successor,) = set(training.jobs()) - {orphan}
    assert f"afterany:{orphan}" in call("squeue", "-h", "-j", successor, "-o", "%E").stdout
    assert training.finish(second) == 0, training.said()
    check(training, uninterrupted, starts=2)
    assert no_update_was_repeated(training), "two trainers worked on one milestone"


def test_orphans_are_cancelled_on_request_and_save_first(training: Place, uninterrupted) -> None:
    first = started(training)
    kill(first)
    orphans(training, "--cancel")
    wait_until(lambda: not training.jobs(), 60)
    assert training.finish(training.snakemake("--unlock")) == 0
    assert training.finish(training.snakemake()) == 0, training.said()
    check(training, uninterrupted, starts=2)
    assert no_update_was_repeated(training)


def test_sigint_to_snakemake_leaves_no_orphan(training: Place) -> None:
    running = started(training)
    os.kill(running.pid, signal.SIGINT)
    assert training.finish(running) != 0
    wait_until(lambda: not training.jobs(), 60)
    (checkpoints,) = training.work.glob("*/checkpoints")
    assert (checkpoints / "checkpoint_last.pt").exists(), "it saved before it went"


def test_after_sigterm_snakemake_stays_until_its_jobs_have_ended(
    training: Place, cluster: Cluster, uninterrupted
) -> None:
    """So it leaves no orphan, and starts nothing new. That SLURM's controller restarts meanwhile is no matter."""
    running = started(training)
    os.kill(running.pid, signal.SIGTERM)
    cluster.stop_daemon("slurmctld")
    time.sleep(5)
    cluster.start_controller()
    training.finish(running)
    assert training.jobs() == []
    check(training, uninterrupted, starts=1)


def test_a_node_dies(training: Place, cluster: Cluster, uninterrupted) -> None:
    """Its slurmd and all processes are gone at once; SLURM starts the job on the other node."""
    running = started(training)
    (job,) = training.jobs()
    node = call("squeue", "-h", "-j", job, "-o", "%N").stdout.strip()
    cluster.kill_node(node)
    call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        assert training.finish(running) == 0, training.said()
    finally:
        cluster.start_node(node)
    check(training, uninterrupted, starts=2)


def orphans(place: Place, *words: str) -> str:
    """What scripts.cluster.orphans prints."""
    command = [sys.executable, "-m", "scripts.cluster.orphans", "--directory", str(place.directory), *words]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
