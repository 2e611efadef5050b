"""The client of SLURM: what a job asks about itself and about others, and how it goes back into the queue.

Works with SLURM 22.05 and newer: older ones tell a job neither its end (SLURM_JOB_END_TIME) nor that it was requeued.
"""

import datetime
import math
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.common.errors import StepError

PATIENCE = 60  # seconds that a command may take
PAUSES = (1, 2, 4, 8, 15, 30)  # seconds between questions to a controller that does not answer
SILENT = ("contact", "timed out", "Unexpected message")
WRITING = {"RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}


@dataclass(frozen=True)
class Allocation:
    """This process's job: its id, when its time is over (seconds since the epoch, or infinity), and its nodes."""

    job: str
    ends: float
    nodes: int


def job() -> str | None:
    """The id of the job that this process belongs to; None outside SLURM."""
    return os.environ.get("SLURM_JOB_ID")


def allocation() -> Allocation | None:
    """This process's job; None outside SLURM. Where squeue knows nothing, it has one node and no end."""
    number = job()
    if number is None:
        return None
    words = ask("squeue", "--noheader", "--jobs", number, "--format", "%e %D").output.decode().split()
    try:
        ends = datetime.datetime.fromisoformat(words[0]).timestamp()
    except (IndexError, ValueError):  # "N/A": a partition without a limit
        ends = math.inf
    nodes = int(words[1]) if len(words) == 2 and words[1].isdigit() else 1
    return Allocation(number, ends, nodes)


def may_write(number: str) -> bool:
    """Whether a job's processes may still be there. Doubt counts as yes."""
    answer = ask("squeue", "--noheader", "--jobs", number, "--states", "all", "--format", "%T")
    if answer.code:
        return "Invalid job id" not in answer.complaint
    return bool(WRITING & set(answer.output.decode().split()))


def requeue(number: str) -> None:
    """Put this process's own job back into the queue, where it keeps its id. SLURM then ends this process.

    Raises StepError where SLURM refuses.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    answer = ask("scontrol", "requeue", number)
    if answer.code:
        raise StepError(
            f"job {number} could not requeue itself ({answer.complaint}): submit it with --requeue "
            f"(slurm-requeue in profiles/slurm); what it has saved is kept"
        )
    time.sleep(600)
    raise StepError(f"job {number} still runs ten minutes after scontrol requeue: cancel it and start snakemake again")


@dataclass(frozen=True)
class Answer:
    """What one of SLURM's commands has said. `code`: its exit code; 127 where it is not installed, 124 for silence."""

    code: int
    output: bytes
    complaint: str = ""


def ask(*command: str, patient: bool = True) -> Answer:
    """Ask SLURM; if `patient`, again for a minute while its controller does not answer."""
    for pause in (*PAUSES * patient, 0):
        answer = _answer(command)
        if answer.code == 0 or not any(words in answer.complaint for words in SILENT):
            break
        time.sleep(pause)
    return answer


def _answer(command: Sequence[str]) -> Answer:
    # A user's own settings change what squeue lists and how it writes times.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SQUEUE_", "SLURM_TIME_"))}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Answer(124, b"", f"timed out after {PATIENCE} s")
    except FileNotFoundError:
        return Answer(127, b"", f"{command[0]} is not installed on this machine")
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())
