"""Keep the curve of a run of pre-training as a table, whole over all its jobs, restarts and milestones.

fairseq's logs tell it; they lie in `work/`, which may be deleted. What the table has of them already is kept then, as
long as the milestone that was trained is the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from scripts.common import digests, files
from scripts.common.errors import exit_on_error
from scripts.trainers import curves


def trained(milestones: Sequence[Path]) -> dict[str, str]:
    """What each milestone was made from, as a digest by its updates. `milestones`: their sidecars."""
    cards = [files.read_json(path) for path in milestones]
    return {str(card["updates"]): digests.digest(card["made_from"]) for card in cards}


def earlier(table: Path, made_from: dict[str, str]) -> list[curves.Point]:
    """The points of a table that is there, up to the last milestone that was not trained anew since."""
    note = table.with_suffix(".json")
    if not (table.is_file() and note.is_file()):
        return []
    known = files.read_json(note)["milestones"]
    other = [int(updates) for updates in known if made_from.get(updates, known[updates]) != known[updates]]
    same = [int(updates) for updates in known if int(updates) < min(other, default=int(updates) + 1)]
    return [point for point in curves.read(table) if point.updates <= max(same, default=0)]


def main() -> None:
    """Parse the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="fairseq configuration, for the length of a crop")
    parser.add_argument("--milestones", type=Path, nargs="*", default=[], help="after-N-updates.json of those trained")
    parser.add_argument("--output", type=Path, required=True, help="curve.tsv; curve.json beside it says of what")
    arguments = parser.parse_args()
    made_from = trained(arguments.milestones)
    recipe = yaml.safe_load(arguments.recipe.read_text(encoding="utf-8"))
    points = curves.kept(earlier(arguments.output, made_from), curves.of_run(arguments.output.parent, recipe))
    curves.write(points, arguments.output)
    note = {"milestones": made_from, "trained": curves.trained_from(arguments.milestones)}
    files.write_json(arguments.output.with_suffix(".json"), note)
    print(f"{arguments.output}: {len(points)} points, to update {points[-1].updates if points else 0}")


if __name__ == "__main__":
    exit_on_error(main)
