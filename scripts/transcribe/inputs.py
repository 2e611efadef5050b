"""Which files are meant: each that is named, and all that may be audio in folders and below."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile

from scripts.common.errors import StepError
from scripts.transcribe.sound import PIPE

# What ffmpeg takes beside libsndfile's formats; in a folder, other endings are left alone.
OF_FFMPEG = {"aac", "amr", "avi", "flv", "m4a", "m4b", "mka", "mkv", "mov", "mp4", "mpg", "oga", "opus", "ts", "webm"}
OF_FFMPEG |= {"wma", "wmv", "3gp"}


@dataclass(frozen=True)
class Input:
    """A file, and its name below what was asked for: how its output is called, without an ending."""

    path: Path
    name: Path


def inputs_of(paths: Iterable[Path]) -> list[Input]:
    """In the order in which they are given, those of a folder by name. Raises StepError for two of one name."""
    found: dict[Path, Input] = {}
    for path in paths:
        for one in _below(path) if path.is_dir() else [Input(path, Path("pipe" if path == PIPE else path.stem))]:
            other = found.setdefault(one.name, one)
            if other.path != one.path:
                raise StepError(f"{other.path} and {one.path} would have one name ({one.name}): transcribe them apart")
    return list(found.values())


def _below(folder: Path) -> Iterator[Input]:
    """Regular files with an ending of audio; links to folders are not followed, as they may go round in circles."""
    endings = {ending.lower() for ending in soundfile.available_formats()} | {"aif", "aiff"}
    endings |= OF_FFMPEG if shutil.which("ffmpeg") else set()
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix.lower().lstrip(".") in endings and path.is_file() and not name.startswith("."):
                yield Input(path, path.relative_to(folder).with_suffix(""))
