"""Digests of code that were worked out before, kept beside Python's own bytecode, and like it made anew when a source
is another.

Working them out takes a second or more, and each start of Snakemake and of a step asks for them.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from importlib.util import cache_from_source
from pathlib import Path

from scripts.common import files

PACKAGE = "scripts"


class Remembered:
    """{module: digest} of the modules of one package, as long as all its sources are the same.

    `sources`: their bytes, as read when this was made, so that a digest is of what it is remembered for.
    `digests`: what is known of them.
    """

    def __init__(self, root: Path) -> None:
        package = root / PACKAGE
        self._file = Path(cache_from_source(str(package / "__init__.py"))).with_name("code_digests.json")
        found = {path: _read(path) for path in sorted(package.rglob("*.py"))}
        self.sources = {path: source for path, source in found.items() if source is not None}
        self._made_of = _digest({str(path.relative_to(root)): source for path, source in self.sources.items()})
        self.digests = self._kept()

    def _kept(self) -> dict[str, str]:
        """What the file knows of these sources."""
        try:
            content = files.read_json(self._file)
            return dict(content["digests"]) if content["made_of"] == self._made_of else {}
        except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is not one of ours
            return {}

    def add(self, module: str, digest: str, parts: Iterable[str]) -> None:
        """Remember a module's digest, where Python may keep bytecode and all its parts are modules of the package.

        What another process adds at the same moment may be lost, and is worked out again.
        """
        if sys.dont_write_bytecode or any(part.split(".")[0] != PACKAGE for part in parts):
            return
        self.digests = self._kept() | self.digests | {module: digest}
        try:
            files.write_json(self._file, {"made_of": self._made_of, "digests": self.digests})
        except OSError:  # a checkout of somebody else, or a full disk
            return


def _read(path: Path) -> bytes | None:
    """None for what only looks like a source, as the lock of an editor does: a link to nowhere."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(sources: Mapping[str, bytes]) -> str:
    return hashlib.sha256(repr(sources).encode()).hexdigest()
