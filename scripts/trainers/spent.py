"""How long trainers had their GPUs: the starts that the owners' history of an output tells of."""

import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.common import files
from scripts.trainers import fairseq_log, ownership
from scripts.trainers.ownership import Owner
from scripts.trainers.tail import whole_lines
from scripts.trainers.work import LOG


@dataclass(frozen=True)
class Start:
    """One start of a trainer. `since`, `until`: when it had its GPUs, in seconds since the epoch; `released`: whether
    it has said itself that it ended.
    """

    owner: Owner
    since: float
    until: float
    released: bool

    @property
    def gpu_seconds(self) -> float:
        return max(self.until - self.since, 0.0) * self.owner.gpus


def starts_of(output: Path, signs: Iterable[float]) -> list[Start]:
    """The starts for one output, oldest first.

    An owner had its GPUs until it released the output. One that was killed left no end behind: then it is the last
    sign of life before the next owner came. `signs`: times of lines in the log and of files, seconds since the epoch.
    """
    owners = [found for record in ownership.history(ownership.owners_of(output)) if (found := _read(record))]
    times = sorted(signs)
    starts = []
    for number, (owner, since, released) in enumerate(owners):
        following = owners[number + 1][1] if number + 1 < len(owners) else time.time()
        end = _last_before(times, following, since) if released is None else released
        starts.append(Start(owner, since, end, released is not None))
    return starts


def works_of(output: Path) -> list[Path]:
    """The directories in which trainers of an output have worked: of a file, as a milestone is, those that are named
    after it, since others lie beside them; of a folder, as epochs are, all.
    """
    owners = ownership.owners_of(output)
    works = [work for work in owners.parent.glob("*") if work.suffix != owners.suffix]
    return [work for work in works if work.name.startswith(f"{output.stem}-")] if output.suffix else works


def signs_of_life(works: Iterable[Path]) -> list[float]:
    """When files in work directories were last written to, and when fairseq's log says that it wrote a line, in seconds
    since the epoch.
    """
    # the log and the checkpoints; not the inputs in further folders, which may be older than the first start
    signs = []
    for work in works:
        entries = (entry for folder in (work, work / "checkpoints") for entry in folder.glob("*.*"))
        signs += [time for entry in entries if (time := modified(entry)) is not None]
        signs += [time for time, *_ in fairseq_log.dated(whole_lines(work / LOG))]
    return signs


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
