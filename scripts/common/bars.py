"""How far a long step is: a bar where a person looks on, a line a minute in a log."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def shown(items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    """The items, counted on standard error as they come."""
    seconds = 0.1 if sys.stderr.isatty() else 60
    yield from tqdm(items, total=total, unit=unit, mininterval=seconds, maxinterval=seconds)
