"""What a format of corpora is: a layout in which they are distributed, and a reader of its lists and folders.

A reader opens no audio. A new format is a module beside this one with a `FORMAT`, and an entry in known.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import StepError


@dataclass(frozen=True)
class Entry:
    """One utterance as a corpus lists it; `path` is relative to its root; None and "" stand for what is missing."""

    utterance: str
    speaker: str
    subset: str
    path: str | None
    transcript: str | None
    problem: str = ""


@dataclass(frozen=True)
class Format:
    """A layout in which corpora are distributed; its files and folders (a pattern) are relative to a corpus's root."""

    lists: tuple[str, ...]
    folders: str  # those that hold wavs
    read: Callable[[Path], Iterator[Entry]]


def read_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    """(id, rest of the line, problem) of each line that is not blank; CRLF and a byte order mark are put up with."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise StepError(f"{path}: {error.strerror}; is this the corpus as distributed?") from error
    seen = set()
    for line in lines:
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
