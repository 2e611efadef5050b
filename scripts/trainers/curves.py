"""The curve of a run of pre-training, as fairseq's logs of all its milestones tell it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scripts.common import digests, files
from scripts.common.errors import StepError
from scripts.common.rates import SAMPLE_RATE
from scripts.trainers import fairseq_log
from scripts.trainers.fairseq_log import VALID, Row
from scripts.trainers.work import LOG, WORK, segment_of

_CROP = re.compile(r"'max_sample_size': (\d+)")


@dataclass(frozen=True)
class Point:
    """A row of the table: what was said of these updates. None: nothing. `audio_hours`: heard until then, at most."""

    updates: int
    epoch: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    code_perplexity: float | None = None
    valid_code_perplexity: float | None = None
    accuracy: float | None = None
    valid_accuracy: float | None = None
    gradient_norm: float | None = None
    updates_per_second: float | None = None
    loss_scale: float | None = None
    learning_rate: float | None = None
    audio_hours: float | None = None


COLUMNS = [field.name for field in fields(Point)]


def trained_from(sidecars: Iterable[Path]) -> dict[str, str]:
    """What trainings were made from, as a digest by the path of the sidecar: a note of which ones curves are."""
    return {str(path): digests.digest(files.read_json(path)["made_from"]) for path in sidecars}


def logs_of(folder: Path) -> dict[int, Path]:
    """The log of each segment of a run, by the milestone that it ends with: of what is published the one that made it,
    else the newest.
    """
    found: dict[int, Path] = {}
    for log in sorted(folder.glob(f"{WORK}/after-*-updates-*/{LOG}"), key=lambda log: log.stat().st_mtime):
        found[int(log.parent.name.split("-")[1])] = log
    for updates in found:
        sidecar = folder / f"after-{updates}-updates.json"
        if sidecar.is_file():
            made_from = files.read_json(sidecar)["made_from"]
            log = folder / WORK / segment_of(sidecar.stem, made_from) / LOG
            found[updates] = log if log.is_file() else found[updates]
    return dict(sorted(found.items()))


def rows_of(folder: Path) -> list[Row]:
    """All rows of a run, each update once: of each segment what lies behind the one before."""
    rows: list[Row] = []
    for updates, log in logs_of(folder).items():
        reached = rows[-1].updates if rows else 0
        rows += [row for row in fairseq_log.read(log) if reached < row.updates <= updates]
    return rows


def crop_of(folder: Path) -> int | None:
    """The longest piece of a file that a run hears, in samples: fairseq's logs begin with its configuration."""
    for log in reversed(logs_of(folder).values()):
        with log.open(encoding="utf-8", errors="replace") as lines:
            found = next((match for line in lines if (match := _CROP.search(line))), None)
        if found:
            return int(found[1])
    return None


def points_of(rows: Iterable[Row], crop_samples: int | None) -> list[Point]:
    """One point an update, with the hours of audio heard until then. `crop_samples`: the longest piece of a file."""
    found: dict[int, dict[str, Any]] = {}
    hours: float | None = 0.0
    before = 0
    for row in rows:
        point = found.setdefault(row.updates, {"updates": row.updates, "epoch": row.epoch})
        if row.part == VALID:
            point |= {
                "valid_loss": row.loss,
                "valid_code_perplexity": row.code_perplexity,
                "valid_accuracy": row.accuracy,
            }
            continue
        same = {"code_perplexity", "accuracy", "gradient_norm", "updates_per_second", "loss_scale", "learning_rate"}
        point |= {"train_loss": row.loss} | {name: getattr(row, name) for name in same}
        hours = _more(hours, (row.updates - before) * row.sentences if row.sentences else None, crop_samples)
        before, point["audio_hours"] = row.updates, hours
    return [Point(**point) for point in found.values()]


def _more(hours: float | None, heard: float | None, crop_samples: int | None) -> float | None:
    if hours is None or heard is None or not crop_samples:
        return None
    return hours + heard * crop_samples / SAMPLE_RATE / 3600


def kept(earlier: Iterable[Point], points: Iterable[Point]) -> list[Point]:
    """What the logs say, and of updates of which they say nothing any more what was kept of them before."""
    found = {point.updates: point for point in (*earlier, *points)}
    return [found[updates] for updates in sorted(found)]


def of_run(folder: Path, recipe: Mapping[str, Any]) -> list[Point]:
    """The curve of a run. `recipe`: fairseq's configuration."""
    return points_of(rows_of(folder), recipe.get("task", {}).get("max_sample_size"))


def write(points: Iterable[Point], path: Path) -> None:
    """Write the table: numbers in at most seven digits, nothing where nothing was said."""
    write_rows(points, COLUMNS, path)


def read(path: Path) -> list[Point]:
    """Read the table back. Raises StepError where it is none."""
    whole = {"updates", "epoch"}
    return [
        Point(**{name: _number(text, name in whole) for name, text in row.items()}) for row in read_rows(path, COLUMNS)
    ]


def write_rows(rows: Iterable[Any], columns: Sequence[str], path: Path) -> None:
    """Write a tab-separated table of objects with these numbers. (`make status` has no pandas.)"""
    lines = ["\t".join(_text(getattr(row, name)) for name in columns) for row in rows]
    files.write_text(path, "".join(f"{line}\n" for line in ["\t".join(columns), *lines]))


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The texts of such a table. Raises StepError for a file that is missing or not such a table."""
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        if header.split("\t") != list(columns):
            raise ValueError(f"its columns are {header.split()}")
        return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]
    except (OSError, ValueError) as error:
        raise StepError(f"{path} cannot be read as a table ({error}): remake it") from error


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.7g}"


def _number(text: str, whole: bool) -> Any:
    if text == "":
        return None
    return int(float(text)) if whole else float(text)
