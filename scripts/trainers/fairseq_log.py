"""What fairseq's log says of a training, line by line: of several starts, and cut off anywhere.

A line is `[2022-04-08 18:48:05,372][train_inner][INFO] - {...}`. All numbers in it are texts; losses are in bits.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.trainers.tail import whole_lines

TRAIN, VALID = "train", "valid"
PARTS = {"train_inner": TRAIN, "valid": VALID}  # `train`, the mean of an epoch, says nothing that these do not

BEGINNING = "{'_name': None, 'common'"  # of each start: fairseq's configuration
LOADED = re.compile(r"Loaded checkpoint .* @ (\d+) updates\)")
_STAMP = r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\]"
_DATED = re.compile(_STAMP + r"\[([\w.]+)\]\[\w+\] - (.*)$", re.MULTILINE)
_LINE = re.compile(_STAMP + r"\[(train_inner|valid)\]\[\w+\] - (\{.*\})\s*$")


@dataclass(frozen=True)
class Row:
    """Means of the updates since the row before (train), or of the validation part (valid). None: not said.

    `time`: seconds since the epoch, the log's being taken for this machine's local time; `infonce`: the loss without
    what is added to it for the codebook and the size of features; `sentences`: files in an update; `seconds_training`:
    of all these updates, without the time that they waited for audio.
    """

    part: str
    updates: int
    epoch: int | None = None
    time: float | None = None
    loss: float | None = None
    infonce: float | None = None
    code_perplexity: float | None = None
    prob_perplexity: float | None = None
    accuracy: float | None = None
    gradient_norm: float | None = None
    updates_per_second: float | None = None
    loss_scale: float | None = None
    learning_rate: float | None = None
    sentences: float | None = None
    seconds_training: float | None = None


NUMBERS = {
    "loss": "loss",
    "infonce": "loss_0",
    "code_perplexity": "code_perplexity",
    "prob_perplexity": "prob_perplexity",
    "accuracy": "accuracy",
    "gradient_norm": "gnorm",
    "updates_per_second": "ups",
    "loss_scale": "loss_scale",
    "learning_rate": "lr",
    "sentences": "bsz",
    "seconds_training": "train_wall",
}


def dated(text: str) -> Iterator[tuple[float, str, str]]:
    """Of each line with a date its time in seconds since the epoch, who says it, and what."""
    for stamp, logger, message in _DATED.findall(text):
        yield _time(stamp), logger, message


def _time(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").timestamp()


def row_of(line: str) -> Row | None:
    """What a line says; None of all that is no row, and where several processes wrote into one another."""
    found = _LINE.match(line)
    if found is None:
        return None
    stamp, logger, message = found.groups()
    part, prefix = PARTS[logger], "valid_" if logger == "valid" else ""
    try:
        facts = json.loads(message)
        updates = int(facts[f"{prefix}num_updates"])
    except (ValueError, KeyError, TypeError):
        return None
    return Row(
        part=part,
        updates=updates,
        epoch=facts.get("epoch"),
        time=_time(stamp),
        **{name: number(facts.get(prefix + key)) for name, key in NUMBERS.items()},
    )


def number(value: Any) -> float | None:
    """A number of fairseq's; also nan and inf, which are news. None where there is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def read(log: Path) -> list[Row]:
    """The rows of a log that lead to what it ends with, without a last line that is still being written.

    A start that goes on from an earlier update than the one before had reached takes the place of its last rows.
    """
    kept: list[Row] = []
    for line in whole_lines(log).splitlines():
        take(kept, line)
    return kept


def take(rows: list[Row], line: str) -> bool:
    """Take the next line of a log into the rows; whether it was one."""
    if (row := row_of(line)) is not None:
        _append(rows, row)
    elif loaded := LOADED.search(line):
        _forget(rows, int(loaded[1]) + 1)
    return row is not None


def _append(rows: list[Row], row: Row) -> None:
    """Append the next row, in the place of what an earlier start said of the same updates, and of later ones."""
    _forget(rows, row.updates if row.part == TRAIN else row.updates + 1)
    if rows and (rows[-1].part, rows[-1].updates) == (row.part, row.updates):
        rows.pop()
    rows.append(row)


def _forget(rows: list[Row], updates: int) -> None:
    """Remove the last rows, as far as they are of so many updates or more."""
    while rows and rows[-1].updates >= updates:
        rows.pop()


def validation_at(rows: Iterable[Row], updates: int) -> Row | None:
    """The last validation after so many updates."""
    return next((row for row in reversed(list(rows)) if row.part == VALID and row.updates == updates), None)
