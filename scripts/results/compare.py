"""Compare two rows of a table, or two whole runs, on the same utterances: difference, interval and p-value.

    python -m scripts.results.compare "@50k updates" "@400k updates" --directory runs/paper
    python -m scripts.results.compare runs/paper runs/another

A run is a working directory. Of two runs all rows that both have are compared, seed by seed.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from scripts.common.errors import StepError, exit_on_error
from scripts.reruns.parts import Part
from scripts.results import paired
from scripts.results.caption import p_in_words, points
from scripts.results.comparisons import Comparison, compare
from scripts.results.scores import COUNTS, Branch, Score, subsets_of
from scripts.results.transcribed import Said, heard, joined

TABLE = Path("results/cer.tsv")


@dataclass(frozen=True)
class Line:
    """A line of the table of a run: the scores of all its seeds and subsets. The name has the learning rate if a task
    has several.
    """

    root: Path
    task: str
    name: str
    scores: tuple[Score, ...]

    def of(self, subset: str) -> dict[int, Score]:
        """The scores of a subset, by seed."""
        return {score.branch.seed: score for score in self.scores if score.subset == subset}


def lines_of(root: Path) -> list[Line]:
    """The lines of results/cer.tsv in their order. Raises StepError where it is missing or not such a table."""
    path = root / TABLE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        rates = {(row["task"], row["learning_rate"]) for row in rows}
        several = Counter(task for task, _ in rates)
        found: dict[tuple[str, str, str], list[Score]] = {}
        for row in rows:
            name = row["row"] + (f", lr {row['learning_rate']}" if several[row["task"]] > 1 else "")
            found.setdefault((row["task"], row["checkpoint"], name), []).append(_score(root, row))
    except (OSError, KeyError, ValueError) as error:
        raise StepError(f"{path} cannot be read as the table of a run ({error}): make it first") from error
    return [Line(root, task, name, tuple(scores)) for (task, _, name), scores in found.items()]


def _score(root: Path, row: dict[str, str]) -> Score:
    branch = Branch(row["task"], row["model"], row["checkpoint"], row["learning_rate"], int(row["seed"]))
    counts = {name: int(row[name]) for name in COUNTS}
    return Score(branch, row["subset"], None, **counts, path=root / row["score"], metric=row.get("metric") or "cer")


def lines_named(name: str, root: Path) -> list[Line]:
    """The line of each task that has this name. Raises StepError where there is none."""
    lines = lines_of(root)
    found = [line for line in lines if line.name == name]
    if not found:
        known = "; ".join(dict.fromkeys(line.name for line in lines))
        raise StepError(f"{name} is neither a folder nor a row of {root / TABLE} (its rows: {known}): correct it")
    return found


def pairs_of(first: str, second: str, root: Path) -> list[tuple[Line, Line]]:
    """The lines to compare: of two runs those of the same task and name, else those with the two names."""
    is_run = [Path(name).is_dir() for name in (first, second)]
    if any(is_run) and not all(is_run):
        raise StepError(f"{first} and {second}: one of them is a folder, so name two folders, or two rows")
    sides = [lines_of(Path(name)) if all(is_run) else lines_named(name, root) for name in (first, second)]
    others = {(line.task, line.name if all(is_run) else ""): line for line in sides[1]}
    keys = [(line.task, line.name if all(is_run) else "") for line in sides[0]]
    pairs = [(line, others[key]) for line, key in zip(sides[0], keys, strict=True) if key in others]
    if not pairs:
        raise StepError(f"{first} and {second} have no row of one task in common: compare two rows by their names")
    return pairs


@cache
def said_in(root: Path, task: str, subset: str) -> Said:
    """The references of a task, which results/config.yaml names."""
    path = root / "results/config.yaml"
    try:
        corpus = yaml.safe_load(path.read_text(encoding="utf-8"))["finetuning"][task]["corpus"]
    except (OSError, KeyError, yaml.YAMLError) as error:
        raise StepError(f"{path} does not say which corpus {task} has ({error}): make it first") from error
    return Said.of(root / Part.of("utterances", corpus=corpus).file, subset)


def comparison(first: Line, second: Line, subset: str) -> tuple[Comparison, int, list[int]]:
    """Two lines on a subset, how many speakers it has, and the seeds that both have.

    Raises StepError where they have none in common, or were not scored on the same transcripts.
    """
    seeds = [seed for seed in first.of(subset) if seed in second.of(subset)]
    if not seeds:
        raise StepError(
            f"{first.name} and {second.name} have no seed in common on {subset}: fine-tune with the same seeds"
        )
    if len(counted := {score.metric for line in (first, second) for score in line.scores}) > 1:
        raise StepError(f"{first.name} and {second.name} count {' and '.join(sorted(counted))}: give tasks one metric")
    said = said_in(first.root, first.task, subset)
    ours, theirs = (joined([heard(line.of(subset)[seed], said) for seed in seeds]) for line in (first, second))
    return compare(ours, theirs, ((second.task, "", second.name), "")), len(ours.errors), seeds


def subsets_in(pairs: list[tuple[Line, Line]]) -> list[str]:
    """Those that both lines of a pair have: dev first."""
    found = [score for pair in pairs for score in pair[0].scores if pair[1].of(score.subset)]
    return subsets_of(found)


def report(pairs: list[tuple[Line, Line]], subsets: list[str]) -> Iterator[str]:
    """A sentence a comparison. Of several on a subset, the p-values are Holm's. Tasks may have other subsets: raises
    StepError for one that no pair has.
    """
    for subset in subsets:
        there = [(first, second) for first, second in pairs if first.of(subset) and second.of(subset)]
        if not there:
            known = ", ".join(subsets_in(pairs)) or "none"
            raise StepError(f"no two rows were both scored on {subset} (on {known} some were): correct --subset")
        found = [comparison(first, second, subset) for first, second in there]
        adjusted = paired.holm([one.p for one, _, _ in found])
        for (first, second), (one, speakers, seeds), p in zip(there, found, adjusted, strict=True):
            yield _sentence(first, second, subset, replace(one, p=p), speakers, seeds)
    if len(pairs) > 1:
        yield f"p-values of sign flips after Holm's correction over the {len(pairs)} comparisons of a subset."


def _sentence(first: Line, second: Line, subset: str, one: Comparison, speakers: int, seeds: list[int]) -> str:
    rates = [_rate(line, subset, seeds) for line in (first, second)]
    names = [f"{line.name} of {line.root}" if first.root != second.root else line.name for line in (first, second)]
    interval = f", 95 % {points(one.interval.low)} to {points(one.interval.high)}" if one.interval else ", no interval"
    found = "" if one.is_significant else "; no significant difference at 5 %"
    counted = "1 seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    tests = f"{p_in_words(one.p)} over {speakers} speakers, {counted}, MAPSSWE {p_in_words(one.mapsswe)}"
    return (
        f"{first.task}, {subset}: {names[0]} {rates[0]}, {names[1]} {rates[1]}: difference {points(one.difference)}"
        f"{interval}, {tests}{found}."
    )


def _rate(line: Line, subset: str, seeds: list[int]) -> str:
    scores = [line.of(subset)[seed] for seed in seeds]
    return f"{100 * sum(score.cer for score in scores) / len(scores):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", metavar="A", help="a row, as the table calls it, or a working directory")
    parser.add_argument("second", metavar="B", help="another of the same kind")
    parser.add_argument("--directory", type=Path, default=Path(), help="the working directory of two rows")
    parser.add_argument("--subset", nargs="+", help="on what: dev, or a test set; all that both have by default")
    arguments = parser.parse_args()
    pairs = pairs_of(arguments.first, arguments.second, arguments.directory)
    for sentence in report(pairs, arguments.subset or subsets_in(pairs)):
        print(sentence)


if __name__ == "__main__":
    exit_on_error(main)
