"""What a format of corpora is: a layout in which they lie on people's disks, and a reader of its lists and folders.

A reader opens no audio. A new format is a module beside this one with a `FORMAT`, and an entry in known.py: the schema
of the config, the inputs of the rule that lists a corpus and the page on corpora (docs/corpora.md) follow from it.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from scripts.common.ahead import in_threads
from scripts.common.errors import StepError

Item = TypeVar("Item")
Sizes = Iterable[tuple[str, int]]  # names of files of audio, relative to the root or absolute, and their bytes
_LOOKERS = 16  # folders that are read at a time: a network file system answers slowly, and many at once


class Entry(NamedTuple):
    """One utterance as a corpus lists it; None and "" stand for what is missing.

    `path` is relative to the root, or absolute; `span` is the piece of it that is meant: first and last second, the
    latter -1 for its end.
    """

    utterance: str
    speaker: str
    subset: str
    path: str | None
    transcript: str | None
    problem: str = ""
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Format:
    """A layout; every function takes the root of a corpus.

    `source`: where it is described. `lists`: the files that list a corpus, relative to its root. `sizes`: of each file
    of audio the bytes. `holds`: how many utterances a subset is known to hold.
    """

    source: str
    lists: Callable[[Path], list[str]]
    sizes: Callable[[Path], Sizes]
    read: Callable[[Path], Iterator[Entry]]
    holds: Mapping[str, int] = field(default_factory=dict)


def named(*lists: str) -> Callable[[Path], list[str]]:
    """Lists that each corpus of a format has."""
    return lambda root: list(lists)


def found(*patterns: str) -> Callable[[Path], list[str]]:
    """Those lists that are there, by patterns for their names."""
    return lambda root: sorted(path.relative_to(root).as_posix() for name in patterns for path in root.glob(name))


def in_folders(pattern: str, *suffixes: str) -> Callable[[Path], Sizes]:
    """The files with these suffixes in the folders that match a pattern."""

    def look(folder: Path, place: str) -> list[tuple[str, int]]:
        with os.scandir(folder) as entries:
            return [(f"{place}/{entry.name}", _size(entry)) for entry in entries if entry.name.endswith(suffixes)]

    return lambda root: _each_folder(root, pattern, look)


def names_in_folders(root: Path, pattern: str, *suffixes: str) -> Iterator[str]:
    """The names of these files, relative to the root: folder by folder, and sorted in each."""

    def look(folder: Path, place: str) -> list[str]:
        return [f"{place}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(suffixes)]

    return _each_folder(root, pattern, look)


def _each_folder(root: Path, pattern: str, look: Callable[[Path, str], list[Item]]) -> Iterator[Item]:
    """What is found in the folders that match a pattern, in their order."""

    def found(folder: Path) -> list[Item]:
        return look(folder, folder.relative_to(root).as_posix()) if folder.is_dir() else []

    return itertools.chain.from_iterable(in_threads(_LOOKERS, found, sorted(root.glob(pattern))))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nothing
        return -1


def place(root: Path, path: str) -> tuple[str, str]:
    """(path, problem) of a path in a list: relative to the root where it lies below it, and without `.` and `..`.

    What leaves the root by `..` is refused; an absolute path says where it leads.
    """
    if path[0] not in "/." and not any(odd in path for odd in ("//", "/.")) and path[-1] != "/":
        return path, ""  # nearly all are: it saves a tenth of the time
    tidy = os.path.normpath(path)
    if tidy.split("/")[0] == "..":
        return tidy, "its path leaves the corpus by .."
    for folder in (root.absolute(), root.resolve()) if os.path.isabs(tidy) else ():
        if tidy.startswith(f"{folder}/"):
            return os.path.relpath(tidy, folder), ""
    return tidy, ""


def packed(root: Path) -> dict[str, str]:
    """Speakers whose wavs are still in an archive, by their names, as AISHELL is distributed: wav/SPEAKER.tar.gz."""
    archives = sorted((root / "wav").glob("*.tar.gz"))
    return {path.name.removesuffix(".tar.gz"): f"wav/{path.name}" for path in archives}


def is_packed_in(archive: str) -> str:
    """The reason for an utterance without wav whose speaker's archive is there."""
    return f"not unpacked from {archive}: python -m scripts.corpora.unpack ROOT"


def read_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    """(id, rest of the line, problem) of each line that is not blank; CRLF and a byte order mark are put up with."""
    seen = set()
    for line in _lines(path):
        key, _, rest = line.strip().replace(b"\t", b" ", 1).partition(b" ")
        if not key:
            continue
        utterance = key.decode("utf-8", "backslashreplace")
        try:
            value, problem = rest.decode("utf-8").strip(), ""
        except UnicodeDecodeError:
            value, problem = "", f"not UTF-8 in {path.name}"
        if utterance in seen:
            problem = f"listed twice in {path.name}"
        seen.add(utterance)
        yield utterance, value, problem


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":
                file.seek(0)
            yield from file
    except OSError as error:
        raise StepError(f"{path}: {error.strerror}; is this the corpus as distributed?") from error
