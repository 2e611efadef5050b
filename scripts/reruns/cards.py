"""What sidecars say, of parts that are there and of those that were deleted."""

import os
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.reruns.parts import Part

Card = Mapping[str, Any]
RECORD = "results/provenance.json"


CHOICES = ("best", "best-until")


class Cards:
    """One look at the sidecars of `parts`, each read once. Paths are relative to the working directory.

    `parts` of a table: those that others are made from come first.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._own: dict[Part, Card] = {}

    def of(self, part: Part) -> Card:
        """What its sidecar says; where that was deleted, what the products below it repeat; else nothing.

        Below the choice of the best checkpoint comes the table alone, whose record repeats it.
        """
        return self.own(part) or self._repeated_of(part) or (recorded(part) if part.kind in CHOICES else {})

    def own(self, part: Part) -> Card:
        """What its sidecar says; nothing where there is none."""
        if part not in self._own:
            self._own[part] = read(Path(part.sidecar))
        return self._own[part]

    def _repeated_of(self, part: Part) -> Card:
        if part.kind != "archive":
            return self._repeated.get(part.file, {})
        # All archives of a subset are packed alike, so that the first speaks for all, but for its own lines.
        first = Part.of("archive", **dict(part.names) | {"shard": "0000"}).file
        return {key: value for key, value in self._repeated.get(first, {}).items() if key != "sha256"}

    @cached_property
    def _repeated(self) -> dict[str, Card]:
        """What products say of those above them, by their files; of several, the nearest is believed."""
        found: dict[str, Card] = {}
        for part in self._parts:
            for file, card in self.own(part).get("above", {}).items():
                found.setdefault(file, card)
        return found


def recorded(part: Part) -> Card:
    """What the table's record says of a part. (An earlier release put the best checkpoint's file for the choice.)"""
    parts = read(Path(RECORD)).get("parts", {})
    return parts.get(part.file) or parts.get(Path(part.file).with_suffix(".pt").as_posix(), {})


def read(path: Path) -> Card:
    """A JSON file; nothing where there is none. What was read is known by the file and the time of its last change."""
    try:
        return _content(path, _version_of(path.stat()))
    except FileNotFoundError:
        return {}


def sha256_of(path: Path) -> str | None:
    """Of the bytes now; None where there is no file."""
    try:
        return _digest(path, _version_of(path.stat()))
    except FileNotFoundError:
        return None


def _version_of(status: os.stat_result) -> tuple[int, ...]:
    """Which file lies at a path, and when it was last changed; thousands are asked for, most of them again."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@cache
def _content(path: Path, _version: tuple[int, ...]) -> Card:
    return files.read_json(path)


@cache
def _digest(path: Path, _version: tuple[int, ...]) -> str:
    return files.sha256(path)
