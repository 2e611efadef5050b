"""What cer.tsv says of a score beside its counts: interval, epochs, the published number, paired tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.common import files
from scripts.results.certainty import NONE
from scripts.results.comparisons import AGAINST, Certain, row_of
from scripts.results.labels import Checkpoint, checkpoint_of
from scripts.results.scores import Score

# score: the file. low, high: of cer, with 95 % over speakers. published, difference: in percent, as published; in
# points. The rest compares a row, all its seeds together, with others: their name, the 95 % interval of the row's error
# rate less theirs, in points, and the p-values of sign flips (after Holm) and of MAPSSWE. metric: what is counted as
# characters.
NAMES = ["score", "low", "high", "speakers", "epochs", "published", "difference"]
NAMES += ["above", "low_above", "high_above", "p_above", "mapsswe_above"]
NAMES += ["english", "low_english", "high_english", "p_english", "mapsswe_english"]
NAMES += ["best", "low_best", "high_best", "p_best", "mapsswe_best", "metric"]


@dataclass(frozen=True)
class Further:
    """Everything that these columns are taken from."""

    scores: list[Score]
    rows: Mapping[Checkpoint, str]
    labels: Mapping[str, str]
    published: Mapping[str, pd.DataFrame]
    found: Certain

    def of(self, score: Score) -> dict[str, Any]:
        """The columns of a score that have a value."""
        interval = self.found.intervals.get((score.branch, score.subset), NONE)
        values: dict[str, Any] = {"score": score.file}
        values |= {"speakers": self.found.speakers.get((score.branch.task, score.subset))}
        if interval:
            values |= {"low": f"{interval.low:.6g}", "high": f"{interval.high:.6g}"}
        number = self.published_number(score)
        if number is not None:
            values |= {"published": number, "difference": f"{100 * score.cer - float(number):.2f}"}
        return values | {"epochs": epochs_of(score), "metric": score.metric} | self._compared(score)

    def _compared(self, score: Score) -> dict[str, str]:
        values = {}
        for against in AGAINST:
            one = self.found.compared.get((row_of(score), score.subset, against))
            if one:
                values |= {against: self.rows[one.other[0]]}
                values |= {f"p_{against}": f"{one.p:.4g}", f"mapsswe_{against}": f"{one.mapsswe:.4g}"}
            if one and one.interval:
                ends = {"low": one.interval.low, "high": one.interval.high}
                values |= {f"{end}_{against}": f"{100 * value:.6g}" for end, value in ends.items()}
        return values

    def published_number(self, score: Score) -> str | None:
        """What was published for this row, where the task is the corpus that it was published on. The checkpoint with
        the lowest validation loss is the published one of that mark, whatever its updates.
        """
        task, table = score.branch.task, self.published.get(score.branch.task)
        if table is None:
            return None
        row = self.rows[checkpoint_of(score)]
        table = table[table["corpus"] == self.labels.get(task, task)]
        same = table[table["row"] == row]
        if same.empty and row.endswith("*"):
            same = table[table["row"].str.endswith("*")]
        return (same[score.subset].iloc[0] or None) if len(same) == 1 else None


def epochs_of(score: Score) -> int | None:
    """How many epochs were trained, by the names of their weights (7epoch.pth), as the score's sidecar repeats them."""
    above = files.read_json(score.path).get("above", {})
    names = [name for product, card in above.items() if Path(product).name == "epochs" for name in card["epochs"]]
    numbers = [int(name.split("epoch")[0]) for name in names if name.split("epoch")[0].isdecimal()]
    return max(numbers, default=None)
