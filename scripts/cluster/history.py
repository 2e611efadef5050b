"""What an output has cost so far: its owners' history (scripts.trainers.spent) in starts and GPU hours."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.trainers import spent
from scripts.trainers.ownership import Owner


@dataclass(frozen=True)
class History:
    """All starts of the trainer of one output, or of several; `last` is the newest owner of the one."""

    starts: int = 0
    gpu_seconds: float = 0.0
    last: Owner | None = None
    released: bool = False  # whether the last owner has given it up

    @property
    def gpu_hours(self) -> float:
        return self.gpu_seconds / 3600


def read(output: Path, signs: Iterable[float]) -> History:
    """The history of one output. `signs`: of life of its trainers, which may have been killed (spent.starts_of)."""
    starts = spent.starts_of(output, signs)
    if not starts:
        return History()
    return History(len(starts), sum(one.gpu_seconds for one in starts), starts[-1].owner, starts[-1].released)


def total(histories: Iterable[History]) -> History:
    """The sum of several."""
    parts = list(histories)
    return History(sum(part.starts for part in parts), sum(part.gpu_seconds for part in parts))
