"""Whether the trainer of an output runs now, as far as its owner's record and SLURM's queue tell."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from scripts.cluster.history import History
from scripts.trainers import ownership
from scripts.trainers.queue import Job


class State(Enum):
    RUNNING = auto()
    WAITING = auto()
    STOPPED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Liveness:
    """A state, and in words who works on the output."""

    state: State
    words: str


def of(history: History, queue: Mapping[str, Job] | None) -> Liveness:
    """Whether the last owner runs. `queue`: this directory's jobs by id; None where SLURM gave no answer."""
    owner = history.last
    if owner is None:
        return Liveness(State.UNKNOWN, "no owner on record")
    if owner.job is not None and queue is not None:
        return _job(owner.job, queue.get(owner.job))
    if history.released:
        return Liveness(State.STOPPED, "stopped")
    if owner.job is not None:
        return Liveness(State.UNKNOWN, f"job {owner.job} on {owner.host}, not known whether it runs")
    if owner.host != socket.gethostname():
        return Liveness(State.UNKNOWN, f"process {owner.pid} on {owner.host}, not known whether it runs")
    if owner.started is not None and ownership.started(owner.pid) == owner.started:
        return Liveness(State.RUNNING, f"process {owner.pid} runs")
    return Liveness(State.STOPPED, "was killed")


def _job(number: str, job: Job | None) -> Liveness:
    if job is None:
        return Liveness(State.STOPPED, f"stopped (job {number} has ended)")
    if job.pending:
        return Liveness(State.WAITING, f"job {number} waits in the queue")
    return Liveness(State.RUNNING, f"job {number} runs")
