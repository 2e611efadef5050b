"""Which files a corpus consists of, seen fast enough to look at each start: its lists by their bytes, its audio by the
names and sizes of its files.

Dates decide nothing. Audio that is exchanged for other of the same size is seen when the corpus is listed again
(`snakemake --config look_again=True`): scripts.common.audio.Recording has a fingerprint.
"""

import hashlib
from pathlib import Path

from scripts.common import files
from scripts.corpora.formats.known import FORMATS


def lists_of(root: Path, layout: str) -> dict[str, str]:
    """sha256 of the files that list a corpus, by their names; of those that are there."""
    found = {name: root / name for name in FORMATS[layout].lists(root)}
    return {name: files.sha256(path) for name, path in found.items() if path.is_file()}


def audio_of(root: Path, layout: str) -> str:
    """A digest of the names and sizes of all files of audio: 12 hexadecimal digits."""
    lines = sorted(f"{name}\t{size}\n".encode(errors="surrogateescape") for name, size in FORMATS[layout].sizes(root))
    return hashlib.sha256(b"".join(lines)).hexdigest()[:12]
