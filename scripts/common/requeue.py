"""A step that trains and cannot go on now goes back into SLURM's queue.

The job keeps its id, so Snakemake goes on waiting for it and no retry is used: those are for real errors.
"""

from collections.abc import Callable

from scripts.common import errors, slurm
from scripts.common.errors import StepError
from scripts.common.ownership import Busy
from scripts.common.trainer import TIME_LIMIT, Paused


def run(main: Callable[[], None]) -> None:
    """Like scripts.common.errors.run, for a step that trains."""
    errors.run(lambda: _or_requeue(main))


def _or_requeue(main: Callable[[], None]) -> None:
    try:
        main()
    except (Paused, Busy) as reason:
        job = slurm.job()
        if job is not None and (isinstance(reason, Busy) or str(reason) == TIME_LIMIT):
            print(f"{reason}: job {job} goes back into the queue", flush=True)
            slurm.requeue(job)
        if isinstance(reason, Busy):
            raise
        raise StepError(f"stopped by {reason}; the next run goes on from what is saved") from None
