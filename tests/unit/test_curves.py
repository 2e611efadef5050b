"""The curve of a run, from the logs of its segments."""

import os
from pathlib import Path

import pytest

from scripts.common import digests, files
from scripts.common.errors import StepError
from scripts.pretrain.keep_curve import earlier, trained
from scripts.trainers import curves
from scripts.trainers.curves import Point, kept, points_of, rows_of
from scripts.trainers.fairseq_log import TRAIN, VALID, Row
from tests.unit.test_fairseq_log import line, loaded


def segment(folder: Path, updates: int, made_from: str, *lines: str, published: bool = True, age: int = 0) -> Path:
    """A segment's log, and the milestone's sidecar."""
    card = {"recipe": made_from}
    log = folder / f"work/after-{updates}-updates-{digests.digest(card)}/train.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(lines), encoding="utf-8")
    os.utime(log, (1e9 - age, 1e9 - age))
    sidecar = folder / f"after-{updates}-updates.json"
    if published:
        files.write_json(sidecar, {"updates": updates, "made_from": card})
    return sidecar


def told(folder: Path) -> list[tuple[str, int, float | None]]:
    return [(row.part, row.updates, row.loss) for row in rows_of(folder)]


def test_segments_one_after_the_other(tmp_path: Path) -> None:
    segment(tmp_path, 20, "a", line("train_inner", 10, 5), line("train_inner", 20, 4), line("valid", 20, 3))
    segment(tmp_path, 100, "a", loaded(20), line("train_inner", 30, 2), line("valid", 30, 1), published=False)
    assert told(tmp_path) == [
        ("train", 10, 5),
        ("train", 20, 4),
        ("valid", 20, 3),
        ("train", 30, 2),
        ("valid", 30, 1),
    ]


def test_a_milestone_that_came_later_in_the_middle_repeats_no_rows(tmp_path: Path) -> None:
    segment(tmp_path, 40, "a", *(line("train_inner", n, n) for n in (10, 20, 30, 40)))
    segment(tmp_path, 20, "a", *(line("train_inner", n, n) for n in (10, 20)))
    assert told(tmp_path) == [("train", n, n) for n in (10, 20, 30, 40)]


def test_of_several_recipes_the_one_that_made_what_is_published(tmp_path: Path) -> None:
    segment(tmp_path, 20, "a", line("train_inner", 10, 5), age=100)
    segment(tmp_path, 20, "given up", line("train_inner", 10, 6), published=False)
    assert told(tmp_path) == [("train", 10, 5)]


def test_of_what_is_not_published_the_newest(tmp_path: Path) -> None:
    segment(tmp_path, 20, "given up", line("train_inner", 10, 6), published=False, age=100)
    segment(tmp_path, 20, "a", line("train_inner", 10, 5), published=False)
    assert told(tmp_path) == [("train", 10, 5)]


def test_points_have_both_parts_and_the_hours_heard() -> None:
    rows = [
        Row(TRAIN, 10, 1, loss=5.0, accuracy=0.1, code_perplexity=9.0, gradient_norm=1.5, sentences=18.0),
        Row(VALID, 10, 1, loss=4.0, accuracy=0.2, code_perplexity=8.0),
        Row(TRAIN, 30, 2, loss=3.0, sentences=9.0),
    ]
    first, second = points_of(rows, 32_000)
    assert (first.updates, first.epoch, first.train_loss, first.valid_loss) == (10, 1, 5.0, 4.0)
    assert (first.accuracy, first.valid_accuracy) == (0.1, 0.2)
    assert (first.code_perplexity, first.valid_code_perplexity) == (9, 8)
    # 10 updates of 18 pieces of 2 s are 0.1 h, 20 updates of 9 as much again
    assert first.audio_hours == pytest.approx(0.1) and second.audio_hours == pytest.approx(0.2)
    assert (second.updates, second.valid_loss) == (30, None)


@pytest.mark.parametrize(("sentences", "crop"), [(None, 32_000), (18.0, None)])
def test_hours_that_are_not_known(sentences: float | None, crop: int | None) -> None:
    assert points_of([Row(TRAIN, 10, sentences=sentences)], crop)[0].audio_hours is None


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    points = [Point(10, 1, 5.0, valid_loss=float("inf"), learning_rate=3.125e-06), Point(400_000, train_loss=1.25)]
    curves.write(points, tmp_path / "curve.tsv")
    assert curves.read(tmp_path / "curve.tsv") == points
    header, first, _ = (tmp_path / "curve.tsv").read_text().splitlines()
    assert header.split("\t")[:4] == ["updates", "epoch", "train_loss", "valid_loss"]
    assert first.split("\t")[:4] == ["10", "1", "5", "inf"]


def test_what_no_log_tells_any_more_is_kept() -> None:
    old = [Point(10, train_loss=5.0), Point(20, train_loss=4.0), Point(30, train_loss=3.0)]
    new = [Point(20, train_loss=4.5), Point(40, train_loss=2.0)]
    assert kept(old, new) == [old[0], new[0], old[2], new[1]]


def test_the_part_of_a_table_that_was_trained_anew_is_not_kept(tmp_path: Path) -> None:
    table = tmp_path / "curve.tsv"
    assert earlier(table, {"20": "a"}) == []
    curves.write([Point(10), Point(20), Point(30), Point(40), Point(50)], table)
    files.write_json(tmp_path / "curve.json", {"milestones": {"20": "a", "40": "b"}})
    for now, last in (
        ({"20": "a", "40": "b"}, 40),
        ({"20": "a", "40": "c"}, 20),
        ({"20": "x", "40": "b"}, 0),
        ({"40": "b"}, 40),  # the sidecar of the first was deleted
        ({}, 40),
    ):
        assert max((point.updates for point in earlier(table, now)), default=0) == last, now


def test_milestones_are_known_by_what_they_were_made_from(tmp_path: Path) -> None:
    sidecar = segment(tmp_path, 20, "a")
    assert trained([sidecar]) == {"20": digests.digest({"recipe": "a"})}


@pytest.mark.parametrize("text", ["", "updates\tepoch\n1\t2\n", "\t".join(curves.COLUMNS) + "\n1\t2\n"])
def test_what_is_no_such_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "curve.tsv").write_text(text)
    with pytest.raises(StepError, match=r"curve.tsv cannot be read as a table .*: remake it$"):
        curves.read(tmp_path / "curve.tsv")


def test_the_crop_stands_in_the_log(tmp_path: Path) -> None:
    said = "[2026-11-27 16:26:47,171][fairseq_cli.train][INFO] - {'_name': None, 'max_sample_size': 32000}\n"
    segment(tmp_path, 20, "a", said, line("train_inner", 10, 5))
    assert curves.crop_of(tmp_path) == 32_000
    segment(tmp_path, 40, "a", line("train_inner", 30, 5), published=False)
    assert curves.crop_of(tmp_path) == 32_000
    assert curves.crop_of(tmp_path / "none") is None
