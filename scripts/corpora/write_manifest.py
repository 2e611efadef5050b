"""Join the parts of a fairseq manifest under one root line.

The root is relative to the manifest's folder, so that the manifest has the same bytes wherever it is made; whoever
hands it to fairseq makes it absolute (scripts/pretrain/pretrain.py).
"""

import argparse
import os
from pathlib import Path

from scripts.common import files
from scripts.common.errors import run


def main() -> None:
    """Parse the command line and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=Path, nargs="+", required=True, help="in the order of the shards")
    parser.add_argument("--audio", type=Path, required=True, help="the folder of the archives")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    entries = [part.read_text(encoding="utf-8") for part in arguments.parts]
    root = os.path.relpath(arguments.audio, arguments.output.parent)
    files.write_text(arguments.output, f"{root}\n" + "".join(entries))
    print(f"{sum(entry.count(chr(10)) for entry in entries)} files of audio in {arguments.output}")


if __name__ == "__main__":
    run(main)
