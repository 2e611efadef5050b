"""Gather what all branches have misheard, so that one groupby follows it along the milestones."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scripts.common.errors import StepError, exit_on_error
from scripts.common.tables import read_table, write_ordered
from scripts.evaluate.error_tables import CONFUSION_COLUMNS, RATE_COLUMNS
from scripts.reruns.parts import BRANCH
from scripts.results.tabulate import CER_COLUMNS

BRANCH_COLUMNS = ["task", "model", "checkpoint", "row", "updates", "learning_rate", "seed", "metric"]
ALL_RATE_COLUMNS = [*BRANCH_COLUMNS[:-1], "subset", *RATE_COLUMNS, "metric"]
ALL_CONFUSION_COLUMNS = [*BRANCH_COLUMNS[:-1], "subset", *CONFUSION_COLUMNS, "metric"]

COUNTS = ["substitutions", "deletions", "insertions", "characters", "utterances"]
MOST = 100  # confusions of each branch, subset and unit that are followed along all branches
PAIR = ["task", "subset", "unit", "reference", "hypothesis"]


def rows_of(scores: pd.DataFrame, paths: Sequence[Path]) -> list[tuple[list[Path], dict[str, str]]]:
    """The paths of each row of cer.tsv, with its BRANCH_COLUMNS: one of all subsets, or one a subset in a folder of
    its name. The best checkpoint may be a milestone: two rows of one branch. Raises StepError for a row without a path.
    """
    length = len(Path(BRANCH).parts)
    known: dict[str, list[Path]] = {}
    for path in paths:
        folder = path.parent if path.parent.name.startswith("seed-") else path.parent.parent
        known.setdefault("/".join(folder.parts[-length:]), []).append(path)
    found = []
    for row in scores[BRANCH_COLUMNS].drop_duplicates().to_dict("records"):
        checkpoints = [row["checkpoint"], f"after-{row['updates']}-updates", f"best-at-{row['updates']}-updates"]
        names = [BRANCH.format(**row | {"checkpoint": name, "lr": row["learning_rate"]}) for name in checkpoints]
        of_row = next((known[name] for name in names[: 3 if row["checkpoint"] == "best" else 1] if name in known), None)
        if of_row is None:
            raise StepError(f"what was misheard in {row['row']} ({names[0]}) is missing: start again")
        found.append((of_row, row))
    return found


def all_rates(scores: pd.DataFrame, paths: Sequence[Path]) -> pd.DataFrame:
    """The error rates of all branches. Raises StepError where one counts other errors than its scores."""
    tables = []
    scores = scores[[*BRANCH_COLUMNS, "subset", *COUNTS]]
    for of_row, branch in rows_of(scores, paths):
        table = pd.concat(read_table(path, ["subset", *RATE_COLUMNS]) for path in of_row).assign(**branch)
        scored = scores[(scores[BRANCH_COLUMNS] == pd.Series(branch)).all(axis=1)]
        counted = table[table["by"] == "all"].merge(scored, on=[*BRANCH_COLUMNS, "subset"], suffixes=("", "_scored"))
        if len(counted) < len(scored) or any((counted[name] != counted[f"{name}_scored"]).any() for name in COUNTS):
            raise StepError(f"{of_row[0].parent} counts other errors than cer.tsv: delete it, and start again")
        tables.append(table)
    return pd.concat(tables)


def all_confusions(scores: pd.DataFrame, paths: Sequence[Path]) -> pd.DataFrame:
    """What is among the MOST frequent of any branch, in all branches of its task: 0 times where it does not occur.

    Of a subset and unit, the most frequent of all branches together come first.
    """
    branches = rows_of(scores, paths)
    tops = pd.concat(_confusions(of_row, branch).groupby(["subset", "unit"]).head(MOST) for of_row, branch in branches)
    followed = tops.groupby(PAIR, as_index=False).agg(total=("count", "sum"), occurrences=("occurrences", "first"))
    followed = followed.assign(rarity=-followed["total"]).sort_values(["task", "subset", "unit", "rarity", *PAIR[3:]])
    tables = []
    for of_row, branch in branches:
        wanted = followed[followed["task"] == branch["task"]]
        counts = _confusions(of_row, branch)[[*PAIR, "count"]]
        tables.append(wanted.merge(counts, on=PAIR, how="left").fillna({"count": 0}).assign(**branch))
    return pd.concat(tables).astype({"count": int})


def _confusions(paths: Sequence[Path], branch: dict[str, str]) -> pd.DataFrame:
    tables = [read_table(path, ["subset", *CONFUSION_COLUMNS]) for path in paths]
    return pd.concat(tables).astype({"count": int}).assign(**branch)


def main() -> None:
    """Parse the command line and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="cer.tsv")
    parser.add_argument(
        "--errors", type=Path, nargs="+", required=True, help="rates.tsv and confusions.tsv of each branch"
    )
    parser.add_argument("--rates", type=Path, required=True, help="table of error rates to write")
    parser.add_argument("--confusions", type=Path, required=True, help="table of confusions to write")
    arguments = parser.parse_args()
    scores = read_table(arguments.scores, CER_COLUMNS)
    rates = all_rates(scores, [path for path in arguments.errors if path.name == "rates.tsv"])
    confusions = all_confusions(scores, [path for path in arguments.errors if path.name == "confusions.tsv"])
    write_ordered(confusions, arguments.confusions, ALL_CONFUSION_COLUMNS)
    write_ordered(rates, arguments.rates, ALL_RATE_COLUMNS)


if __name__ == "__main__":
    exit_on_error(main)
