"""What a new job says to sbatch so that it waits for a job of a killed Snakemake that still makes the same output."""

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from scripts.common.errors import StepError
from scripts.trainers import queue

FRESH = 30  # seconds for which one answer of squeue serves all jobs that are submitted together
APPEND = "--open-mode=append"  # a job that was requeued goes on in its log


def after_living(rule: str, wildcards: Sequence[str], directory: Path) -> str:
    """Options for sbatch: begin only once earlier jobs of this rule and wildcards in this directory have ended.

    The new job then finds finished or saved work, and takes it over. It holds no resources while it waits.
    """
    task = " ".join([rule, *wildcards])
    earlier = [job.id for job in _jobs(directory, int(time.monotonic() // FRESH)) if job.task == task]
    return f"{APPEND} --dependency=afterany:{':'.join(earlier)}" if earlier else APPEND


@lru_cache(maxsize=1)
def _jobs(directory: Path, moment: int) -> list[queue.Job]:
    try:
        return queue.jobs(directory)
    except StepError:  # no SLURM here: nothing is submitted either
        return []
