"""What a working directory's pre-training runs and fine-tunings have come to, read from their files only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.cluster import history, training_logs
from scripts.cluster.history import History
from scripts.cluster.training_logs import FinetuningLog, PretrainingLog, Speed
from scripts.common import files
from scripts.reruns.parts import Part, glob_of, match
from scripts.trainers import curves, spent
from scripts.trainers.curves import Point
from scripts.trainers.work import LOG, NOTE, WORK

_WORK = re.compile(r"after-(\d+)-updates(?:-[0-9a-f]+|\.owners)")
_PUBLISHED = re.compile(r"after-(\d+)-updates\.json")


@dataclass(frozen=True)
class Published:
    """A checkpoint that is there: at which update it was saved, and its validation loss (None: never validated)."""

    updates: int
    validation_loss: float | None


@dataclass(frozen=True)
class Underway:
    """A milestone that has been started and is not published yet. `written`: when its log was last written to."""

    updates: int
    log: PretrainingLog
    written: float | None
    history: History
    note: dict[str, Any] = field(default_factory=dict)  # of its guard


@dataclass(frozen=True)
class Pretraining:
    """One pre-training run."""

    model: str
    published: list[Published]
    best: Published | None
    underway: list[Underway]
    speed: Speed | None  # the newest that is known of any milestone
    history: History  # of all milestones
    points: list[Point] = field(default_factory=list)  # its curve
    notes: list[dict[str, Any]] = field(default_factory=list)  # of its guards, by milestone


@dataclass(frozen=True)
class Branch:
    """The fine-tuning of one checkpoint at one learning rate and seed. `epochs` etc. as its log says."""

    task: str
    model: str
    name: str  # checkpoint, learning rate and seed
    done: bool
    log: FinetuningLog
    written: float | None
    history: History


def pretrainings(directory: Path) -> list[Pretraining]:
    """Every pre-training run that has published or started a milestone, by name."""
    folders = sorted(directory.glob(str(Path(glob_of("milestone")).parent)))
    runs = [_pretraining(folder) for folder in folders if folder.is_dir()]
    return [run for run in runs if run.published or run.underway]


def branches(directory: Path) -> list[Branch]:
    """Every fine-tuning that has started, by task, model, updates, learning rate and seed."""
    epochs = Path(glob_of("epochs"))
    outputs = {folder.parent / epochs.name for folder in directory.glob(f"{epochs.parent}/{WORK}")}
    outputs |= set(directory.glob(str(epochs)))
    found = [(output, match("epochs", output.relative_to(directory).as_posix())) for output in outputs]
    found.sort(key=lambda of: _naturally(str(of[0])))
    return [_branch(output, part) for output, part in found if part]


def rates(directory: Path) -> dict[str, int]:
    """How many error rates of the table have been made, by task and part of its corpus: {"aishell1 dev": 3}."""
    counts: dict[str, int] = {}
    for path in sorted(directory.glob(glob_of("score"))):
        if part := match("score", path.relative_to(directory).as_posix()):
            name = f"{part['task']} {part['subset']}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _pretraining(folder: Path) -> Pretraining:
    published = [_published(path) for path in folder.glob("after-*-updates.json") if _PUBLISHED.fullmatch(path.name)]
    there = sorted((found for found in published if found), key=lambda found: found.updates)
    started = sorted({int(match[1]) for path in folder.glob(f"{WORK}/*") if (match := _WORK.fullmatch(path.name))})
    all_of_them = [_milestone(folder, updates) for updates in started]
    known = [part for part in all_of_them if part.log.speed]
    newest = max(known, key=lambda part: part.written or 0.0, default=None)
    return Pretraining(
        model=folder.name,
        published=there,
        best=_published(folder / "best.json"),
        underway=[part for part in all_of_them if part.updates not in {found.updates for found in there}],
        speed=newest.log.speed if newest else None,
        history=history.total(part.history for part in all_of_them),
        notes=[part.note for part in all_of_them],
        points=curves.points_of(curves.rows_of(folder), curves.crop_of(folder)),
    )


def _milestone(folder: Path, updates: int) -> Underway:
    output = folder / f"after-{updates}-updates.pt"
    works = spent.works_of(output)
    log, written = _newest(works)
    facts = training_logs.read_pretraining(log) if log else PretrainingLog()
    costs = history.read(output, spent.signs_of_life(works))
    return Underway(updates, facts, written, costs, _note(log.with_name(NOTE)) if log else {})


def _branch(output: Path, part: Part) -> Branch:
    works = spent.works_of(output)
    log, written = _newest(works)
    return Branch(
        task=part["task"],
        model=part["model"],
        name=f"{part['checkpoint']} lr-{part['lr']} seed-{part['seed']}",
        done=output.is_dir(),
        log=training_logs.read_finetuning(log) if log else FinetuningLog(),
        written=written,
        history=history.read(output, spent.signs_of_life(works)),
    )


def _published(sidecar: Path) -> Published | None:
    """A sidecar's facts; None where there is none, or none that can be read."""
    try:
        facts: Any = files.read_json(sidecar)
        return Published(int(facts["updates"]), facts.get("validation_loss"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(path: Path) -> dict[str, Any]:
    """What a guard has noted; nothing where there is none, or none that can be read."""
    try:
        return dict(files.read_json(path))
    except (OSError, ValueError, TypeError):
        return {}


def _newest(works: Iterable[Path]) -> tuple[Path | None, float | None]:
    """The log last written to, and when: a changed recipe starts again in a work directory beside the old one."""
    logs = {log: time for work in works if (time := spent.modified(log := work / LOG)) is not None}
    newest = max(logs, key=lambda log: logs[log], default=None)
    return newest, logs.get(newest) if newest else None


def _naturally(text: str) -> list[tuple[int, int | str]]:
    """A key for sorting that puts after-50000-updates before after-130000-updates."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", text)]
