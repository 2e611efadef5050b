"""What the fake trainers are made of: everything that decides a real training, and nothing else.

Their weights are digests of it, so that a training that was skipped, or was started from something stale, shows. With
FAKE_TRAININGS=FILE each training adds a line to that file: what it made, and from what.
"""

import hashlib
import json
import os
from pathlib import Path


def digest(*values: object) -> bytes:
    """32 bytes for values of any kind."""
    return hashlib.sha256(repr(values).encode()).digest()


def heard(manifest: Path) -> bytes:
    """Of a fairseq manifest: the audio of each entry in its order, whichever archives it lies in."""
    root, *entries = manifest.read_text(encoding="utf-8").splitlines()
    audio = hashlib.sha256()
    for entry in entries:
        name, offset, length = entry.split("\t")[0].rsplit(":", 2)
        with (Path(root) / name).open("rb") as archive:
            archive.seek(int(offset))
            audio.update(archive.read(int(length)))
    return audio.digest()


def note(made: Path, decided_by: bytes, **facts: object) -> None:
    """Add a line to the list of trainings, if there is one."""
    if path := os.environ.get("FAKE_TRAININGS"):
        line = json.dumps({"made": str(made), "decided_by": decided_by.hex()} | facts)
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
