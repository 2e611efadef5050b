"""Join the parts of a fairseq manifest under one root line, and say what is heard in it.

The root is relative to the manifest's folder, so that the manifest has the same bytes wherever it is made; whoever
hands it to fairseq makes it absolute (scripts/pretrain/pretrain.py).
"""

import argparse
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from scripts.common import files, provenance, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.corpora import identity


def heard(lines: Iterable[str]) -> str:
    """A digest of the audio in its order: names, samples and bytes; not of the archives that it lies in."""
    return hashlib.sha256("".join(line.split("\t", 1)[1] for line in lines).encode()).hexdigest()[:12]


def check_together(parts: list[Path]) -> None:
    """Raise StepError for parts that were not packed in the same way from the same list."""
    made_from = {part: files.read_json(sidecars.path_of(part))["made_from"] for part in parts}
    for part in parts:
        if made_from[part] != made_from[parts[0]]:
            raise StepError(f"{part} was packed otherwise than {parts[0]}: delete both, and start again")


def main() -> None:
    """Parse the command line and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=Path, nargs="+", required=True, help="beside their archives, in order")
    parser.add_argument("--output", type=Path, required=True, help="a sidecar .json goes beside it")
    arguments = parser.parse_args()
    check_together(arguments.parts)
    lines = [line for part in arguments.parts for line in part.read_text(encoding="utf-8").splitlines(keepends=True)]
    root = os.path.relpath(arguments.parts[0].parent, arguments.output.parent)
    entries = ("\t".join(line.split("\t")[:2]) + "\n" for line in lines)
    files.write_text(arguments.output, f"{root}\n" + "".join(entries))
    archives = {part.stem: files.sha256(part) for part in arguments.parts}
    made_from = identity.joining(archives, code_digest(__spec__.name))
    facts = {"digest": heard(lines)} | provenance.circumstances("corpora", "pandas")
    sidecars.write(arguments.output, made_from, (arguments.parts[0],), **facts)
    print(f"{len(lines)} files of audio in {arguments.output}")


if __name__ == "__main__":
    exit_on_error(main)
