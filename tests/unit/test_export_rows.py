"""Which row of the table is exported: dev decides, and never test."""

import json
from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.export import rows

COLUMNS = ["task", "model", "checkpoint", "row", "subset", "cer", "characters", "utterances", "score"]
COLUMNS += ["low", "high", "speakers"]


def score(subset: str, start: str, lr: str) -> str:
    return f"results/cer/digits/{subset}/from/{start}/lr-{lr}/seed-1.json"


def table(directory: Path, *lines: tuple[str, str, str, str, float, float]) -> Path:
    """Of (task, checkpoint, its place, learning rate, CER on dev, CER on test)."""
    text = "\t".join(COLUMNS) + "\n"
    for task, checkpoint, place, lr, *rates in lines:
        for subset, cer in zip(("dev", "test"), rates, strict=True):
            path = score(subset, f"m/{place}", lr).replace("digits", task)
            row = [task, "m", checkpoint, f"@{checkpoint}", subset, str(cer), "9", "3", path, "", "", ""]
            text += "\t".join(row) + "\n"
    (directory / "cer.tsv").write_text(text, encoding="utf-8")
    return directory / "cer.tsv"


LINES = [
    ("digits", "after-4-updates", "after-4-updates", "0.1", 0.3, 0.1),
    ("digits", "after-8-updates", "after-8-updates", "0.1", 0.25, 0.2),
    ("digits", "after-8-updates", "after-8-updates", "0.2", 0.2, 0.3),
    ("digits", "best", "best-at-6-updates", "0.1", 0.22, 0.15),
    ("others", "after-8-updates", "after-8-updates", "0.1", 0.01, 0.01),
]


@pytest.mark.parametrize(
    ("start", "checkpoint", "lr"),
    [
        ("best", "after-8-updates", "0.2"),
        ("m/after-4-updates", "after-4-updates", "0.1"),
        ("m/after-8-updates", "after-8-updates", "0.2"),
        ("m/best", "best-at-6-updates", "0.1"),
        ("m/best-at-6-updates", "best-at-6-updates", "0.1"),
    ],
)
def test_dev_chooses_among_what_may_be_chosen(start: str, checkpoint: str, lr: str, tmp_path: Path) -> None:
    row = rows.choose(table(tmp_path, *LINES), "digits", start)
    assert row.names == {"task": "digits", "model": "m", "checkpoint": checkpoint, "lr": lr, "seed": "1"}
    assert [one["subset"] for one in row.scores] == ["dev", "test"]
    assert row.part("average", last=2).file == (
        f"results/finetune/digits/from/m/{checkpoint}/lr-{lr}/seed-1/average-of-last-2.pth"
    )


def test_a_row_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        StepError, match=r"has no m/after-9-updates of digits: .*\(m/after-4-updates, m/after-8-updates, "
    ):
        rows.choose(table(tmp_path, *LINES), "digits", "m/after-9-updates")


def test_what_was_deleted_is_named() -> None:
    with pytest.raises(StepError, match=r"^gone\.pth is not there any more.*snakemake gone\.pth"):
        rows.there("gone.pth")


def test_the_facts_of_a_row_are_those_of_its_parts(tmp_path: Path) -> None:
    row = rows.choose(table(tmp_path, *LINES), "digits", "best")
    of_row, other = score("test", "m/after-8-updates", "0.2"), score("test", "m/after-8-updates", "0.1")
    record = {
        "experiment": "e",
        "numbers": [{"parts": ["a", other]}, {"parts": ["b", of_row]}],
        "parts": {"a": {"sha256": "1"}, "b": {"sha256": "2"}, of_row: {}, other: {}},
    }
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    found = rows.facts_of(tmp_path / "provenance.json", row)
    assert found == {"experiment": "e", "parts": {"b": {"sha256": "2"}, of_row: {}}}
    record["numbers"].pop()
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    with pytest.raises(StepError, match="does not speak of"):
        rows.facts_of(tmp_path / "provenance.json", row)
