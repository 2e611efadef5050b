"""What ESPnet's log says of a fine-tuning, epoch by epoch: of several starts, and cut off anywhere."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from scripts.trainers import curves
from scripts.trainers.tail import whole_lines

_ENDED = re.compile(r"\b(\d+)epoch results: (.*)")
_NUMBER = r"=([-+]?[\d.]+(?:e[+-]?\d+)?|nan|inf)"
_BLANKS = 0.9995  # as ESPnet rounds: a transcript that is empty misses each character, and adds none


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended. `valid_cer`: of dev, as a share; `learning_rate`: rounded, as ESPnet does."""

    epoch: int
    train_loss: float | None = None
    valid_loss: float | None = None
    valid_cer: float | None = None
    learning_rate: float | None = None


COLUMNS = [field.name for field in fields(Epoch)]


def read(log: Path) -> list[Epoch]:
    """Each epoch once, as it was when it was last trained."""
    found: dict[int, Epoch] = {}
    for number, results in _ENDED.findall(whole_lines(log)):
        train, _, valid = results.partition("[valid]")
        found = {epoch: known for epoch, known in found.items() if epoch < int(number)}
        found[int(number)] = Epoch(
            int(number),
            _value("loss", train),
            _value("loss", valid),
            _value("cer_ctc", valid),
            _value("optim0_lr0", train),
        )
    return list(found.values())


def _value(name: str, text: str) -> float | None:
    found = re.search(rf"\b{name}{_NUMBER}", text)
    return float(found[1]) if found else None


def only_blanks(epochs: Iterable[Epoch]) -> bool:
    """Whether a fine-tuning has said nothing to its end: each character of dev is missing, and none is wrong."""
    last = next(reversed(list(epochs)), None)
    return last is not None and last.valid_cer is not None and _BLANKS <= last.valid_cer <= 2 - _BLANKS


def write(epochs: Iterable[Epoch], path: Path) -> None:
    """Write the table: nothing where nothing was said."""
    curves.write_rows(epochs, COLUMNS, path)


def read_table(path: Path) -> list[Epoch]:
    """Read the table back. Raises StepError where it is none."""
    rows = (list(row.values()) for row in curves.read_rows(path, COLUMNS))
    return [Epoch(int(number), *(float(text) if text else None for text in others)) for number, *others in rows]
