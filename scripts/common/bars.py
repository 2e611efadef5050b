"""How far a long step is: a bar where a person looks on, a line a minute in a log, and nothing of a short one."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def shown(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """The items, counted on standard error as they come. `total`: None where nobody knows it."""
    seconds, first = (0.1, 2) if sys.stderr.isatty() else (60, 60)
    yield from tqdm(items, total=total, unit=unit, mininterval=seconds, maxinterval=seconds, delay=first)
