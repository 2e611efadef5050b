"""What each training has left in `work/`, and whether anything can still go on from it."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from scripts.cluster.mentions import Mentions
from scripts.common import sidecars
from scripts.common.errors import StepError
from scripts.finetune.identity import name_of_work
from scripts.reruns.parts import Part, glob_of, match
from scripts.trainers import ownership
from scripts.trainers.work import LOG, NOTE, WORK, segment_of

READ = (LOG, NOTE)  # by status, curves and the report
PRUNED = ".pruned-"  # before the name of a directory that is being removed: no trainer looks there


class Kind(Enum):
    """Why a directory may go, or stays; in words, as a heading."""

    PUBLISHED = "Published: training has ended, and what it made lies beside work/"
    GIVEN_UP = "Given up: what was published was trained otherwise"
    UNMENTIONED = "Of trainings that no config mentions"
    HALF_REMOVED = "Half removed, by a call that was ended"
    KEPT = "Kept"


@dataclass(frozen=True)
class Work:
    """A training's directory, and why it may go or stays. `keeps_log`: whether what is in READ is read."""

    directory: Path
    output: Path
    kind: Kind
    why: str = ""
    keeps_log: bool = True


def find(directory: Path, mentions: Mentions, known_at: float | None) -> list[Work]:
    """Every training's directory below a working directory.

    `known_at`: when the config that tells of the mentions was written (seconds since the epoch); what was trained since
    may be mentioned by a newer one. None: the user says that these are all.
    """
    found = []
    for kind in ("milestone", "epochs"):
        for work in sorted(directory.glob(f"{Path(glob_of(kind)).parent}/{WORK}/*")):
            name = work.name.removeprefix(PRUNED)
            stem = re.fullmatch(r"(after-\d+-updates)-[0-9a-f]{12}" if kind == "milestone" else "[0-9a-f]{12}", name)
            if not stem or not work.is_dir() or work.is_symlink():
                continue
            output = work.parent.parent / (f"{stem[1]}.pt" if kind == "milestone" else "epochs")
            if part := match(kind, output.relative_to(directory).as_posix()):
                found.append(_judge(work, output, part, mentions, known_at))
    return [work for work in found if not (work.keeps_log and _is_log_alone(work.directory))]


def _is_log_alone(directory: Path) -> bool:
    """Whether nothing but what is read was left of a directory."""
    return {path.name for path in directory.iterdir()} <= set(READ)


def _judge(work: Path, output: Path, part: Part, mentions: Mentions, known_at: float | None) -> Work:
    lacking = mentions.lacks(part)
    # the curve of a run goes through milestones that are no longer wanted
    keeps_log = part["model"] in mentions.updates if part.kind == "milestone" else not lacking
    if work.name.startswith(PRUNED):
        return Work(work, output, Kind.HALF_REMOVED, keeps_log=keeps_log)
    try:
        if living := ownership.living(output):
            return Work(work, output, Kind.KEPT, living)
    except (OSError, TypeError, ValueError, StepError) as error:
        return Work(work, output, Kind.KEPT, f"not known whether somebody works on it ({error})")
    if lacking and known_at is not None and newest(work) > known_at:
        why = f"newer than results/config.yaml, which has no {lacking}: give --configfile"
        return Work(work, output, Kind.KEPT, why)
    if lacking:
        return Work(work, output, Kind.UNMENTIONED, f"no {lacking}", keeps_log)
    try:
        made_from = sidecars.read(output)["made_from"]
    except (OSError, ValueError, KeyError):
        return Work(work, output, Kind.KEPT, "unfinished: a trainer goes on from it")
    if not output.exists():
        return Work(work, output, Kind.KEPT, f"{output.name} was deleted, and can be published again from here")
    if part.kind == "milestone" and not sidecars.path_of(best_of(output)).exists():
        return Work(work, output, Kind.KEPT, f"{best_of(output).name} is not there, and can be published from here")
    name = name_of_work(made_from) if part.kind == "epochs" else segment_of(output.stem, made_from)
    return Work(work, output, Kind.PUBLISHED if name == work.name else Kind.GIVEN_UP, "", keeps_log)


def best_of(milestone: Path) -> Path:
    """The best checkpoint until a milestone, which the same training publishes."""
    return milestone.with_name(milestone.name.replace("after-", "best-until-", 1))


def newest(work: Path) -> float:
    """When anything in a directory was last written to, in seconds since the epoch."""
    return max((status.st_mtime for _, status in _files(work)), default=work.stat().st_mtime)


def freed(works: Iterable[Work]) -> int:
    """Bytes of the disk that removing these together gives back: what has another name elsewhere gives none."""
    names: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for work in works:
        for path, status in _files(work.directory):
            if work.keeps_log and path.parent == work.directory and path.name in READ:
                continue
            file = (status.st_dev, status.st_ino)
            names[file] = names.get(file, 0) + 1
            sizes[file] = (status.st_nlink, status.st_blocks * 512)
    return sum(size for file, (links, size) in sizes.items() if names[file] >= links)


def remove(work: Work) -> bool:
    """Remove a directory; the log stays where it is read. False where somebody has begun to work on it in between.

    It is taken away from trainers in one step, so that what an end of this process leaves is nothing to go on from.
    """
    name = work.directory.name.removeprefix(PRUNED)
    away, back = work.directory.with_name(PRUNED + name), work.directory.with_name(name)
    if ownership.living(work.output):
        return False
    if work.directory != away:
        shutil.rmtree(away, ignore_errors=True)  # of an earlier call that was ended; its log is older than this one
        work.directory.rename(away)
    for name in READ if work.keeps_log else ():
        if (away / name).exists() and not (back / name).exists():
            back.mkdir(exist_ok=True)
            (away / name).rename(back / name)
    shutil.rmtree(away)
    return True


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, _, names in os.walk(directory):
        for path in (Path(folder) / name for name in names):
            try:
                yield path, path.lstat()
            except FileNotFoundError:  # a trainer's own, gone in between
                continue
