"""Which files are meant: each that is named, and all that may be audio in folders and below."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile

from scripts.transcribe.sound import PIPE

# What ffmpeg takes beside libsndfile's formats; in a folder, other endings are left alone.
OF_FFMPEG = {"aac", "amr", "avi", "flv", "m4a", "m4b", "mka", "mkv", "mov", "mp4", "mpg", "oga", "opus", "ts", "webm"}
OF_FFMPEG |= {"wma", "wmv", "3gp"}


@dataclass(frozen=True)
class Input:
    """A file, and its name below what was asked for: how its output is called."""

    path: Path
    name: Path


def inputs_of(paths: Iterable[Path]) -> list[Input]:
    """In the order in which they are given, those of a folder by name. Two that would have one name keep their endings,
    or their folders, too.
    """
    named: dict[Path, tuple[Path, list[Path]]] = {}  # by where it lies: the path, and names for it, the shortest first
    for path in paths:
        for one, folder in _below(path) if path.is_dir() else [(path, path.parent)]:
            named.setdefault(one.absolute(), (one, _names(one, folder)))
    for _ in range(3):
        shared = Counter(names[0] for _, names in named.values())
        for _, names in named.values():
            if shared[names[0]] > 1:
                del names[0]
    return [Input(path, names[0]) for path, names in named.values()]


def _names(path: Path, folder: Path) -> list[Path]:
    if path == PIPE:
        return 4 * [Path("pipe")]
    inside = path.relative_to(folder)
    return [inside.with_suffix(""), inside, Path(folder.name) / inside, Path(*path.absolute().parts[1:])]


def _below(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Regular files with an ending of audio, beside the folder; nothing that is hidden. Links to folders are not
    followed, as they may go round in circles.
    """
    endings = {ending.lower() for ending in soundfile.available_formats()} | {"aif", "aiff"}
    endings |= OF_FFMPEG if shutil.which("ffmpeg") else set()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix.lower().lstrip(".") in endings and path.is_file() and not name.startswith("."):
                yield path, folder
