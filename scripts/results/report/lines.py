"""cer.tsv by the rows of its table: what is known of each on each subset, all its seeds together."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from scripts.common.users import DEV
from scripts.evaluate.metrics import METRICS
from scripts.results.certainty import deviation
from scripts.results.comparisons import AGAINST

KEYS = ["model", "checkpoint", "row", "updates", "learning_rate"]
NUMBERS = [
    "cer",
    "low",
    "high",
    "speakers",
    "published",
    *(f"{what}_{other}" for other in AGAINST for what in ("low", "high", "p")),
]


@dataclass(frozen=True, eq=False)
class Line:
    """A row of the table at a learning rate. `scores`: its lines of cer.tsv, with NUMBERS as numbers (NaN: unknown)."""

    model: str
    row: str
    rate: str
    updates: float | None
    is_best: bool
    scores: pd.DataFrame

    @property
    def is_point(self) -> bool:
        """Whether it is a point on the way of a model, and no model that is shown as one."""
        return self.updates is not None and "@" in self.row

    @cached_property
    def by_subset(self) -> dict[str, pd.DataFrame]:
        return {str(subset): scores for subset, scores in self.scores.groupby("subset")}

    @property
    def measure(self) -> str:
        """The name of its error rate: CER, unless its task counts something else."""
        metric = self.scores["metric"].iloc[0]
        return METRICS[metric if metric in METRICS else "cer"].name

    def seeds(self, subset: str) -> int:
        return len(self.by_subset[subset])

    def mean(self, subset: str) -> float:
        """The error rate as a share, the mean over seeds."""
        return float(self.by_subset[subset]["cer"].mean())

    def shown(self, subset: str) -> str:
        """The error rate in percent as the table has it; of one seed with its interval."""
        rates, first = list(self.by_subset[subset]["cer"]), self.by_subset[subset].iloc[0]
        if len(rates) > 1:
            return f"{100 * self.mean(subset):.1f} ± {100 * deviation(rates):.1f} %"
        between = f" ({100 * first['low']:.1f} to {100 * first['high']:.1f})" if self.has_interval(subset) else ""
        return f"{100 * self.mean(subset):.1f} %{between}"

    def has_interval(self, subset: str) -> bool:
        """Whether its interval over speakers is shown: that of a single seed."""
        return self.seeds(subset) == 1 and not self.by_subset[subset][["low", "high"]].isna().any(axis=None)

    def has_intervals_of_differences(self, subset: str) -> bool:
        """Those are of all seeds together."""
        return self.by_subset[subset][[f"low_{other}" for other in AGAINST]].notna().any(axis=None)

    def speakers(self, subset: str) -> int | None:
        number = self.by_subset[subset]["speakers"].iloc[0]
        return None if pd.isna(number) else int(number)

    def published(self, subset: str) -> float:
        """In percent; NaN where nothing was."""
        return float(self.by_subset[subset]["published"].iloc[0])


def lines_of(table: pd.DataFrame) -> list[Line]:
    """The lines of one task, in the order of the table. Columns that it has not are unknown."""
    numbers = table.reindex(columns=[*KEYS, "subset", "metric", *NUMBERS, *AGAINST])
    numbers[NUMBERS] = numbers[NUMBERS].apply(pd.to_numeric, errors="coerce")
    return [
        Line(model, row, rate, float(updates) if updates else None, checkpoint == "best", scores)
        for (model, checkpoint, row, updates, rate), scores in numbers.groupby(KEYS, sort=False)
    ]


def best_of(lines: Iterable[Line]) -> Line:
    """The one with the fewest errors on dev; the first of several."""
    return min(lines, key=lambda line: line.mean(DEV))


class Difference(NamedTuple):
    """Of two rows: the p-value, corrected as in the table, and a 95 % interval in points (NaN: there is none)."""

    p: float
    low: float
    high: float


def between(one: Line, other: Line, subset: str) -> Difference | None:
    """The error rate of another row less that of one, at the same learning rate; None where they were not compared."""
    for line, against in ((one, other), (other, one)):
        first = line.by_subset[subset].iloc[0]
        for name in AGAINST:
            if first[name] == against.row and line.rate == against.rate and not pd.isna(first[f"p_{name}"]):
                low, high = first[f"low_{name}"], first[f"high_{name}"]
                return Difference(float(first[f"p_{name}"]), *((-high, -low) if line is one else (low, high)))
    return None
