"""What a job asks SLURM about itself and about others, and how it goes back into the queue.

Works with SLURM 22.05 and newer: older ones tell a job neither its end (SLURM_JOB_END_TIME) nor that it was requeued.
"""

import datetime
import math
import os
import signal
import subprocess
import time
from dataclasses import dataclass

from scripts.common.errors import StepError

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
    words = _ask("squeue", "--noheader", "--jobs", number, "--format", "%e %D").stdout.split()
    try:
        ends = datetime.datetime.fromisoformat(words[0]).timestamp()
    except (IndexError, ValueError):  # "N/A": a partition without a limit
        ends = math.inf
    nodes = int(words[1]) if len(words) == 2 and words[1].isdigit() else 1
    return Allocation(number, ends, nodes)


def may_write(number: str) -> bool:
    """Whether a job's processes may still be there. Doubt counts as yes."""
    answer = _ask("squeue", "--noheader", "--jobs", number, "--states", "all", "--format", "%T")
    if answer.returncode:
        return "Invalid job id" not in answer.stderr
    return bool(WRITING & set(answer.stdout.split()))


def requeue(number: str) -> None:
    """Put this process's own job back into the queue, where it keeps its id. SLURM then ends this process.

    Raises StepError where SLURM refuses.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    answer = _ask("scontrol", "requeue", number)
    if answer.returncode:
        raise StepError(
            f"job {number} could not requeue itself ({answer.stderr.strip()}): submit it with --requeue "
            f"(slurm-requeue in profiles/slurm); what it has saved is kept"
        )
    time.sleep(600)
    raise StepError(f"job {number} still runs ten minutes after scontrol requeue: cancel it and start snakemake again")


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Ask SLURM, again for a minute while its controller does not answer."""
    for pause in (*PAUSES, 0):
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            answer = subprocess.CompletedProcess(command, 124, "", "timed out")
        except FileNotFoundError:
            return subprocess.CompletedProcess(command, 127, "", f"{command[0]} is not installed on this node")
        if answer.returncode == 0 or not any(words in answer.stderr for words in SILENT):
            break
        time.sleep(pause)
    return answer
