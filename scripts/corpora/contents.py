"""Which files a corpus consists of, seen fast enough to look at each start: its lists, and the names of its wavs.

A wav that comes or goes changes the date of its folder, so that only folders with another date than at the last look
are read: some 2,000 of AISHELL-2's, not its million of files. What is in a wav is looked at when the corpus is listed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.common import digests, files
from scripts.corpora.formats.known import FORMATS


def lists_of(root: Path, layout: str) -> dict[str, str]:
    """sha256 of the files that list a corpus, by their names; of those that are there."""
    found = {name: root / name for name in FORMATS[layout].lists}
    return {name: files.sha256(path) for name, path in found.items() if path.is_file()}


def folders_of(root: Path, layout: str, known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each folder of wavs with its date and a digest of the names in it. `known`: what an earlier look has found."""
    found = {}
    for folder in sorted(root.glob(FORMATS[layout].folders)):
        name, date = folder.relative_to(root).as_posix(), folder.stat().st_mtime_ns
        entry = known.get(name, {})
        found[name] = entry if entry.get("date") == date else {"date": date, "wavs": _names(folder)}
    return found


def wavs_of(folders: Mapping[str, Mapping[str, Any]]) -> str:
    """A digest of the names of all wavs."""
    return digests.digest({name: entry["wavs"] for name, entry in folders.items()})


def _names(folder: Path) -> str:
    names = [name for name in os.listdir(folder) if name.endswith(".wav")] if folder.is_dir() else []
    return digests.digest(sorted(names))
