"""What an output has cost so far: its owners' history (scripts.trainers.ownership) in starts and GPU hours."""

import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.common import files
from scripts.trainers import ownership
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
    """The history of one output.

    An owner had its GPUs until it released the output. One that was killed left no end behind: then it is the last
    sign of life before the next owner came. `signs`: times of lines in the log and of files, seconds since the epoch.
    """
    owners = [found for record in ownership.history(ownership.owners_of(output)) if (found := _read(record))]
    times = sorted(signs)
    seconds = 0.0
    for number, (owner, since, released) in enumerate(owners):
        following = owners[number + 1][1] if number + 1 < len(owners) else time.time()
        end = _last_before(times, following, since) if released is None else released
        seconds += max(end - since, 0.0) * owner.gpus
    if not owners:
        return History()
    return History(len(owners), seconds, owners[-1][0], owners[-1][2] is not None)


def total(histories: Iterable[History]) -> History:
    """The sum of several."""
    parts = list(histories)
    return History(sum(part.starts for part in parts), sum(part.gpu_seconds for part in parts))


def signs_of_life(works: Iterable[Path]) -> list[float]:
    """When files in work directories were last written to, in seconds since the epoch."""
    # the log and the checkpoints; not the inputs in further folders, which may be older than the first start
    entries = (entry for work in works for folder in (work, work / "checkpoints") for entry in folder.glob("*.*"))
    return [time for entry in entries if (time := modified(entry)) is not None]


def modified(path: Path) -> float | None:
    """When a file was last written to; None where there is none, or no more."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _read(record: Path) -> tuple[Owner, float, float | None] | None:
    """An owner, since when, and until when if it released the output; None where the record cannot be read."""
    try:
        owner = Owner(**files.read_json(record))
        since = datetime.fromisoformat(owner.since)
    except (OSError, TypeError, ValueError):
        return None
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return owner, since.timestamp(), modified(record.with_suffix(".released"))


def _last_before(times: list[float], limit: float, otherwise: float) -> float:
    """The last of sorted times up to a limit; `otherwise` where there is none, or none after it."""
    place = bisect_right(times, limit)
    return max(times[place - 1], otherwise) if place else otherwise
