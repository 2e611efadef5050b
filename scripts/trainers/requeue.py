"""A step that trains and cannot go on now goes back into SLURM's queue.

The job keeps its id, so Snakemake goes on waiting for it and no retry is used: those are for real errors.
"""

from collections.abc import Callable

from scripts.common import errors
from scripts.common.errors import StepError
from scripts.trainers import slurm
from scripts.trainers.ownership import Busy
from scripts.trainers.supervisor import TIME_LIMIT, Paused


def exit_or_requeue(main: Callable[[], None]) -> None:
    """Like scripts.common.errors.exit_on_error, for a step that trains."""
    errors.exit_on_error(lambda: _or_requeue(main))


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
        raise StepError(f"stopped by {reason}; started again, it goes on from what is saved") from None
