"""How far a long step is: a bar where a person looks on, a line a minute in a log, and nothing of a short one."""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_LINE = "{n_fmt} of {total_fmt}{unit} in {elapsed}, {remaining} to go"
_LINE_WITHOUT_END = "{n_fmt}{unit} in {elapsed}"


class _Log(io.TextIOBase):
    """Standard error, where no line is drawn over another."""

    def write(self, text: str) -> int:
        line = text.strip()
        sys.stderr.write(f"{line}\n" if line else "")
        return len(text)


def shown(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """The items, counted on standard error as they come. `unit`: as " wavs"; `total`: None where it is not known."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=unit, delay=2)
    else:
        line = _LINE if total is not None else _LINE_WITHOUT_END
        minute = {"mininterval": 60, "maxinterval": 60, "delay": 60}
        yield from tqdm(items, total=total, unit=unit, file=_Log(), bar_format=line, **minute)
