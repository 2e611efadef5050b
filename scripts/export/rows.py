"""Which row of the table is exported, and where its parts lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.common import files
from scripts.common.errors import StepError
from scripts.reruns.parts import Part, match

SHOWN = ("subset", "cer", "low", "high", "characters", "utterances", "speakers")  # columns of cer.tsv


@dataclass(frozen=True)
class Row:
    """A fine-tuning of the table: the names in its paths, and of each subset what cer.tsv says."""

    names: dict[str, str]
    label: str
    scores: list[dict[str, str]]

    def part(self, kind: str, **names: Any) -> Part:
        """One of the parts that it was made from."""
        return Part.of(kind, **self.names, **names)


def choose(table: Path, task: str, start: str) -> Row:
    """The row of a task with the fewest errors on dev; `start`: MODEL/CHECKPOINT that it has to come from, or `best`.

    A checkpoint is called as in cer.tsv or as in paths. Test does not decide.
    """
    rows = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    rows = rows[rows["task"] == task]
    called = rows["model"] + "/" + rows["checkpoint"]
    placed = rows["score"].map(lambda path: "{model}/{checkpoint}".format(**_names(path)))
    if start != "best":
        rows = rows[(called == start) | (placed == start)]
    of_dev = rows[rows["subset"] == "dev"]
    if of_dev.empty:
        known = ", ".join(dict.fromkeys(called)) or "no row of this task"
        raise StepError(f"{table} has no {start} of {task}: export one that it has ({known})")
    best = of_dev.loc[of_dev["cer"].astype(float).idxmin()]
    names = _names(best["score"])
    same = rows[(rows["row"] == best["row"]) & (rows["score"].map(_names) == names)]
    return Row(names, best["row"], same[list(SHOWN)].to_dict("records"))


def _names(score: str) -> dict[str, str]:
    """The names in the path of a score, but for its subset."""
    part = match("score", score)
    return {name: value for name, value in part.names if name != "subset"} if part else {}


def there(path: str) -> Path:
    """A part's file. Raises StepError where it was deleted to save space."""
    if not Path(path).exists():
        raise StepError(f"{path} is not there any more, and an export needs it: make it again (snakemake {path})")
    return Path(path)


def facts_of(provenance: Path, row: Row) -> dict[str, Any]:
    """What the table's record says of the parts of a row, each by its path; and which table that is."""
    record = files.read_json(provenance)
    score = row.part("score", subset="test").file
    parts = next((number["parts"] for number in record["numbers"] if score in number["parts"]), None)
    if parts is None:
        raise StepError(f"{provenance} does not speak of {score}: remake it (snakemake {provenance})")
    cards: Mapping[str, Any] = record["parts"]
    return {"experiment": record["experiment"], "parts": {path: cards[path] for path in parts if path in cards}}
