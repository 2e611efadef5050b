"""What fairseq's log says, of lines as fairseq writes them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from scripts.trainers.fairseq_log import TRAIN, VALID, Row, read, row_of, validation_at

# as a demo's log has it, cut
LINE = (
    '[2026-11-27 16:26:37,171][train_inner][INFO] - {"epoch": 2, "update": 1.667, "loss": "4.656", "ntokens": "536.6", '
    '"prob_perplexity": "25.675", "code_perplexity": "25.416", "temp": "1.982", "loss_0": "4.447", "loss_1": "0.014", '
    '"accuracy": "0.06206", "ups": "5.12", "bsz": "15.8", "num_updates": "10", "lr": "0.006", "gnorm": "0.988"}'
)


def line(part: str, updates: int, loss: object = 3.0, **more: Any) -> str:
    prefix = "valid_" * (part == "valid")
    said = {"num_updates": updates, "loss": loss} | more
    facts = {"epoch": 1} | {prefix + name: str(value) for name, value in said.items()}
    return f"[2026-11-27 16:26:47,171][{part}][INFO] - {json.dumps(facts)}\n"


def loaded(updates: int) -> str:
    return f"[2026-11-27 15:27:19,832][fairseq.trainer][INFO] - Loaded checkpoint b.pt (epoch 6 @ {updates} updates)\n"


def log(folder: Path, *lines: str) -> Path:
    path = folder / "train.log"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def told(path: Path) -> list[tuple[str, int, float | None]]:
    return [(row.part, row.updates, row.loss) for row in read(path)]


def test_a_row() -> None:
    row = row_of(LINE)
    assert row is not None
    figures = (row.part, row.updates, row.epoch, row.loss, row.infonce, row.accuracy, row.code_perplexity)
    assert figures == (TRAIN, 10, 2, 4.656, 4.447, 0.06206, 25.416)
    assert (row.gradient_norm, row.updates_per_second, row.learning_rate, row.sentences) == (0.988, 5.12, 0.006, 15.8)
    assert row.prob_perplexity == 25.675 and row.loss_scale is None


def test_a_row_of_the_validation() -> None:
    row = row_of(line("valid", 50, 0, accuracy=1, loss_0=0.5, code_perplexity=2).rstrip())
    assert row is not None and (row.part, row.updates, row.loss, row.infonce, row.accuracy) == (VALID, 50, 0, 0.5, 1)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_news(text: str) -> None:
    row = row_of(line("train_inner", 5, text).rstrip())
    assert row is not None and row.loss is not None and not math.isfinite(row.loss)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LINE.replace("train_inner", "train"),  # the mean of an epoch
        LINE[:-30],
        LINE.replace('"10"', '"x"'),
        LINE.replace('"num_updates"', '"updates"'),
        "[2026-11-27 16:26:37,171][fairseq.trainer][INFO] - begin training epoch 6",
    ],
)
def test_what_is_no_row(text: str) -> None:
    assert row_of(text) is None


def test_a_start_that_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    first = [line("train_inner", 10, 5), line("train_inner", 20, 4), line("valid", 20, 3), line("train_inner", 30, 2)]
    second = [loaded(20), line("train_inner", 30, 2.5), line("train_inner", 40, 1), line("valid", 40, 1.5)]
    assert told(log(tmp_path, *first, *second)) == [
        ("train", 10, 5),
        ("train", 20, 4),
        ("valid", 20, 3),
        ("train", 30, 2.5),
        ("train", 40, 1),
        ("valid", 40, 1.5),
    ]


def test_what_a_lost_start_said_is_forgotten_before_the_next_has_come_as_far(tmp_path: Path) -> None:
    lines = [line("train_inner", 10, 5), line("train_inner", 20, 4), line("valid", 20, 3), loaded(10)]
    assert told(log(tmp_path, *lines)) == [("train", 10, 5)]


def test_a_start_from_the_beginning(tmp_path: Path) -> None:
    lines = [line("train_inner", 10, 5), line("valid", 20, 4), line("train_inner", 10, 6), line("valid", 10, 7)]
    assert told(log(tmp_path, *lines)) == [("train", 10, 6), ("valid", 10, 7)]


def test_a_validation_that_is_repeated(tmp_path: Path) -> None:
    lines = [line("train_inner", 10, 5), line("valid", 10, 4), loaded(10), line("valid", 10, 3)]
    assert told(log(tmp_path, *lines)) == [("train", 10, 5), ("valid", 10, 3)]


def test_a_line_that_is_still_being_written(tmp_path: Path) -> None:
    assert told(log(tmp_path, line("train_inner", 10, 5), line("train_inner", 20, 4).rstrip())) == [("train", 10, 5)]


def test_no_log(tmp_path: Path) -> None:
    assert read(tmp_path / "train.log") == []


def test_the_validation_of_a_checkpoint() -> None:
    rows = [Row(TRAIN, 10), Row(VALID, 10, loss=3.0), Row(TRAIN, 20), Row(VALID, 30, loss=2.0)]
    assert validation_at(rows, 10) == rows[1]
    assert validation_at(rows, 20) is None
