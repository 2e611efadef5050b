"""Trace every number of the table back to the bytes that it came from, and refuse where a link is broken.

Each part, from the corpora's lists to the scores, has a sidecar that says what it was made from. Here that is compared
with the parts that are there, with their bytes, and with what config and code want now. Snakemake looks at dates only:
a file that was restored with its old date, or `--touch`, would pass it by. A part that was deleted breaks no link where
what was made from it vouches for it.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.common import files, provenance
from scripts.common.errors import StepError, exit_on_error
from scripts.reruns.cards import Cards, sha256_of
from scripts.reruns.parts import Part
from scripts.reruns.record import record
from scripts.reruns.staleness import Staleness


def stale_parts(config: Mapping[str, Any], repository: Path) -> Iterator[tuple[Part, str]]:
    """The parts that are not what they have to be, and why; from the corpora to the scores."""
    staleness = Staleness(config, repository)
    cards = Cards(staleness.parts)
    for part in staleness.parts:
        own = cards.own(part)
        if not cards.of(part):
            yield part, f"{part.sidecar} is missing"
        elif "sha256" in own and part.file != part.sidecar and sha256_of(Path(part.file)) not in (None, own["sha256"]):
            yield part, f"{Path(part.sidecar).name} describes another file (sha256)"
        elif reasons := staleness.why_stale(part):
            yield part, "; ".join(reasons)


def check(config: Mapping[str, Any], repository: Path) -> None:
    """Raise StepError unless every part of every number is what it has to be."""
    stale = dict(stale_parts(config, repository))
    if not stale:
        return
    for part, why in stale.items():
        print(f"stale: {part.file}: {why}")
    first, why = next(iter(stale.items()))
    more = f" and {len(stale) - 1} more, listed above" if len(stale) > 1 else ""
    made_again = " ".join(part.file for part in stale)
    raise StepError(f"{first.file} is stale ({why}){more}: add -R {made_again} to the snakemake command")


def main() -> None:
    """Parse the command line, check everything and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="as JSON; recipes are relative to here")
    parser.add_argument("--output", type=Path, required=True, help="results/provenance.json")
    arguments = parser.parse_args()
    check(arguments.config, provenance.REPOSITORY)
    files.write_json(arguments.output, record(arguments.config))


if __name__ == "__main__":
    exit_on_error(main)
