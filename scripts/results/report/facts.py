"""What else a reader asks: what the corpora hold, what was left out of them and why, and how long all of it took."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from scripts.common import tables
from scripts.common.rates import SAMPLE_RATE
from scripts.reruns.parts import KINDS, glob_of
from scripts.trainers import spent
from scripts.trainers.work import WORK

REASONS = 5  # that are named, of each table
TRAININGS = ("milestone", "epochs")  # what is made by trainers, who note their GPUs


class Corpus(NamedTuple):
    """`subsets`: name, utterances and hours; `left_out`: what was, and how often."""

    name: str
    subsets: list[tuple[str, int, float]]
    left_out: list[tuple[str, int]]


class Stage(NamedTuple):
    """Jobs of one rule: how many, their hours, the most memory that one held in GB, and GPU hours of all starts (None:
    of other stages than trainings nobody notes them).
    """

    rule: str
    jobs: int
    hours: float
    memory: float
    gpu_hours: float | None = None


def corpus(name: str, folder: Path) -> Corpus:
    """What results/corpora/NAME says. Lists that a corpus has not are of no use of it here (leaks of one not heard)."""
    listed = tables.read_utterances(folder / "utterances.tsv")
    groups = listed.groupby("subset", sort=False)["samples"]
    subsets = [(subset, len(rows), rows.sum() / SAMPLE_RATE / 3600) for subset, rows in groups]
    left_out = list(_reasons(tables.read_table(folder / "rejected.tsv", tables.REJECTED_COLUMNS)["reason"]))
    for file, words, columns in (
        ("leaked.tsv", "kept from pre-training: dev or test says the same", tables.LEAKED_COLUMNS),
        ("near-leaks.tsv", "nearly a sentence of dev or test (near-leaks.tsv)", tables.NEAR_COLUMNS),
    ):
        if (folder / file).is_file():
            left_out.append((words, len(tables.read_table(folder / file, columns))))
    return Corpus(name, subsets, left_out)


def _reasons(reasons: pd.Series) -> Iterator[tuple[str, int]]:
    counts = reasons.str.replace(r"^the same audio as .*", "the same audio as another", regex=True).value_counts()
    yield from ((f"rejected: {reason}", int(count)) for reason, count in counts.head(REASONS).items())
    if len(counts) > REASONS:
        yield "rejected for other reasons (rejected.tsv)", int(counts.iloc[REASONS:].sum())


def stages(benchmarks: Path, gpu_hours: Mapping[str, float]) -> list[Stage]:
    """Of each rule that left benchmarks, in the order in which the first of its jobs ended. `gpu_hours`: by rule."""
    found = []
    for folder in sorted(benchmarks.iterdir()) if benchmarks.is_dir() else ():
        files = sorted(folder.rglob("*.tsv"))
        rows = [row for file in files for row in _benchmark(file)]
        if rows:
            first = min(file.stat().st_mtime_ns for file in files)
            hours, memory = sum(row[0] for row in rows) / 3600, max(row[1] for row in rows) / 1024
            found.append((first, Stage(folder.name, len(rows), hours, memory, gpu_hours.get(folder.name))))
    return [stage for _, stage in sorted(found, key=lambda pair: pair[0])]


def _benchmark(file: Path) -> Iterable[tuple[float, float]]:
    """Seconds and MB of each run of a job."""
    table = pd.read_csv(file, sep="\t")
    numbers = table[["s", "max_rss"]].apply(pd.to_numeric, errors="coerce").fillna(0.0)
    return list(numbers.itertuples(index=False, name=None))


def gpu_hours(directory: Path) -> dict[str, float]:
    """The GPU hours of all starts of trainers in a working directory, by rule: the sum is that of `make status`."""
    found: dict[str, float] = {}
    for kind in TRAININGS:
        rule, template = KINDS[kind]
        for owners in directory.glob(str(Path(glob_of(kind)).parent / WORK / "*.owners")):
            output = owners.parents[1] / (owners.stem + Path(template).suffix)
            starts = spent.starts_of(output, spent.signs_of_life(spent.works_of(output)))
            found[rule] = found.get(rule, 0.0) + sum(start.gpu_seconds for start in starts) / 3600
    return found


def processors(provenance: Mapping[str, Any]) -> list[str]:
    """On what all of it was computed, in words."""
    return [", ".join(map(str, processor.values())) for processor in provenance.get("processors", [])]


def software(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the record says of the experiment as a whole."""
    return [(key.replace("_", " "), str(value)) for key, value in provenance.items() if isinstance(value, str | int)]
