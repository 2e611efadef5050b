"""What sidecars say, of parts that are there and of those that were deleted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.reruns.parts import Part, above, with_all_above

Card = Mapping[str, Any]


class Cards:
    """The sidecars of the parts of a table. Paths are relative to the working directory."""

    def __init__(self, config: Mapping[str, Any], scores: Iterable[Part]) -> None:
        self._below: dict[Part, list[Part]] = defaultdict(list)
        for part in with_all_above(scores, config):
            for other in above(part, config):
                self._below[other].append(part)

    def of(self, part: Part) -> Card:
        """What its sidecar says; where that was deleted, what the products below it repeat; else nothing."""
        return self.own(part) or next(self._repeated(part), {})

    def own(self, part: Part) -> Card:
        """What its sidecar says; nothing where there is none."""
        return read(Path(part.sidecar))

    def _repeated(self, part: Part) -> Iterable[Card]:
        """What products below a part say of it, the nearest first."""
        seen, waiting = set(), list(self._below.get(part, []))
        while waiting:
            below = waiting.pop(0)
            if below not in seen:
                seen.add(below)
                waiting += self._below.get(below, [])
                known = self.own(below).get("above", {})
                if part.kind == "archive":  # all of a subset are packed alike, so that the first speaks for all
                    first = Part.of("archive", **dict(part.names) | {"shard": "0000"}).file
                    if first in known:
                        yield {key: value for key, value in known[first].items() if key != "sha256"}
                elif part.file in known:
                    yield known[part.file]


def read(path: Path) -> Card:
    """A JSON file; nothing where there is none. What was read is known by the time of its last change."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    return _content(path.resolve(), status.st_mtime_ns, status.st_size)


def sha256_of(path: Path) -> str | None:
    """Of the bytes now; None where there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _digest(path.resolve(), status.st_mtime_ns, status.st_size)


@cache
def _content(path: Path, _mtime: int, _size: int) -> Card:
    return files.read_json(path)


@cache
def _digest(path: Path, _mtime: int, _size: int) -> str:
    return files.sha256(path)
