"""What a trainer does for the processes that read its data. Imported in the trainer itself."""

import atexit
import multiprocessing.util  # registers its own function for the exit, which is to run after ours
import signal


def kill_at_exit() -> None:
    """Kill worker processes when this process ends, by a signal that they cannot block.

    multiprocessing sends them SIGTERM and waits for their end; a trainer's processes block it (supervisor.py), so that
    SLURM's does not reach them. One that has read ahead further than training went would be waited for for ever.
    """
    atexit.register(_kill)


def _kill() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes a worker that was killed for an error
    for worker in multiprocessing.active_children():
        worker.kill()
