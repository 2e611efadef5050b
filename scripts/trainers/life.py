"""Signs of life of a trainer: what tells a long update from one that never ends.

A trainer touches a file at each micro-batch (`beat`), and its log grows. How long it may do neither follows from how
long it has been silent so far in this start: PATIENCE times its longest silence, and at least SILENCE. Validation
beats, too; saving, compiling and the start do not, so the least is long.

Where a data worker has died and the trainer waits for what it would have read, its log says so: then, and once it has
been asked to save, the times are shorter.
"""

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import InitVar, dataclass
from pathlib import Path

from scripts.trainers.tail import Tail

VARIABLE = "SIGNS_OF_LIFE"  # in a trainer's environment: the file that it touches
SILENCE = 1800  # seconds that a trainer may be silent, whatever it has done so far
PATIENCE = 10  # times its longest silence so far
WORKER_SILENCE, WORKER_PATIENCE = 60, 3  # the same where a worker has died
SAVE_SILENCE = 300  # seconds for a save, or WORKER_PATIENCE times the longest silence, since it was asked for
OFTEN = 1  # seconds between two looks, at least
STOPPED = 5  # and at most: where more have passed, the machine or the job was stopped
SHARED_MEMORY = Path("/dev/shm")

# What multiprocessing's thread that sends batches, and torch's loader, say of what never comes.
DEAD_WORKER = re.compile(
    r"multiprocessing/queues\.py.*\b_feed$|unable to allocate shared memory|Unexpected bus error encountered in worker"
    r"|DataLoader worker \(pid.*\) (is killed|exited)"
)
NO_SHARED_MEMORY = re.compile(r"unable to allocate shared memory|Unexpected bus error encountered in worker")


class Beat:
    """What a trainer does to show that it lives: at most once a second, and never in its way."""

    def __init__(self) -> None:
        self.last = float("-inf")

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self.last >= 1 and VARIABLE in os.environ:
            self.last = now
            with suppress(OSError):
                Path(os.environ[VARIABLE]).touch()


beat = Beat()


@dataclass
class Signs:
    """The signs of life of one start of a trainer, as `look` finds them every few seconds."""

    log: Path
    now: InitVar[float]  # seconds of a clock that does not jump
    silence: float = 0
    longest: float = 0  # silence that ended
    dead_worker: str | None = None  # the line that says so
    asked: bool = False

    def __post_init__(self, now: float) -> None:
        self.looked, self.seen = now, self._signs()
        self.begins = self.seen[0]  # bytes of the log that earlier starts have written
        self._tail = Tail(self.log, self.begins)

    @property
    def touched(self) -> Path:
        """The file that the trainer touches."""
        return self.log.with_name("alive").absolute()

    def said(self) -> str:
        """What this start has written into the log."""
        with self.log.open("rb") as file:
            file.seek(self.begins)
            return file.read().decode("utf-8", errors="replace")

    def ask(self) -> None:
        """It has been asked to save: from here on, less is allowed."""
        self.asked, self.silence = True, 0

    def look(self, now: float) -> bool:
        """Whether it is to be given up."""
        if now - self.looked < OFTEN:
            return False
        passed, self.looked = min(now - self.looked, STOPPED), now
        signs = self._signs()
        if signs != self.seen:
            self.seen = signs
            self.longest, self.silence = max(self.longest, self.silence), 0
            self._read_on()
        else:
            self.silence += passed
        return self.silence > self.allowed()

    def allowed(self) -> float:
        """Seconds of silence."""
        allowed = max(SILENCE, PATIENCE * self.longest)
        if self.dead_worker:
            allowed = min(allowed, max(WORKER_SILENCE, WORKER_PATIENCE * self.longest))
        if self.asked:
            allowed = min(allowed, max(SAVE_SILENCE, WORKER_PATIENCE * self.longest))
        return allowed

    def _signs(self) -> tuple[int, int]:
        found = []
        for path, of_interest in ((self.log, "st_size"), (self.touched, "st_mtime_ns")):
            try:
                found.append(int(getattr(path.stat(), of_interest)))
            except OSError:
                found.append(0)
        return found[0], found[1]

    def _read_on(self) -> None:
        for line in self._tail.lines():
            if DEAD_WORKER.search(line) and not (self.dead_worker and NO_SHARED_MEMORY.search(self.dead_worker)):
                self.dead_worker = line.strip()

    def given_up(self, name: str) -> str:
        """What is said of a trainer that was given up."""
        again = f"see {self.log}; started again, it goes on from what is saved"
        if self.dead_worker and NO_SHARED_MEMORY.search(self.dead_worker):
            return f"{no_shared_memory(name)}; {again}"
        if self.dead_worker:
            return f"a data worker of {name} died, and it waits for ever ({self.dead_worker}): {again}"
        before = f"its longest silence before was {duration(self.longest)}"
        return f"{name} has shown no sign of life for {duration(self.silence)} ({before}), so it was ended: {again}"


def no_shared_memory(name: str) -> str:
    """What is said where data workers cannot hand over what they have read."""
    size = shutil.disk_usage(SHARED_MEMORY).total / 1e6 if SHARED_MEMORY.exists() else 0
    return (
        f"a data worker of {name} found no space in {SHARED_MEMORY}, which has {size:.0f} MB: give the container more "
        "(docker run --shm-size=8g) or the recipe fewer workers"
    )


def duration(seconds: float) -> str:
    """In words."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
