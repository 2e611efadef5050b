"""Where a run stands beside the published one."""

from dataclasses import replace

import pytest

from scripts.trainers.beside import drawing, hours_of, published, sentence, value_at
from scripts.trainers.curves import Point

PUBLISHED = published()


def like(updates: int, factor: float = 1.0, hours: float = 1.0) -> list[Point]:
    """The published run until then, with another loss and other hours heard."""
    return [
        replace(
            point,
            train_loss=point.train_loss and factor * point.train_loss,
            audio_hours=point.audio_hours and hours * point.audio_hours,
        )
        for point in PUBLISHED
        if point.updates <= updates
    ]


def test_what_is_shipped_of_the_published_curve() -> None:
    """shared/published has a row every 200 updates; the dip and the end are in what we ship."""
    assert (PUBLISHED[0].updates, PUBLISHED[-1].updates) == (200, 4791)
    assert [point.train_loss for point in PUBLISHED if point.updates in (200, 800, 4400)] == [9.276, 5.486, 3.943]
    dip = min(PUBLISHED, key=lambda point: point.valid_code_perplexity or 1e9)
    assert (dip.updates, dip.valid_code_perplexity, dip.valid_accuracy) == (958, 14.955, 0.39301)
    # 336.2 files of 15.625 s are heard in each of the first 200 updates
    assert PUBLISHED[0].audio_hours == pytest.approx(200 * 336.2 * 15.625 / 3600, rel=1e-5)


def test_between_two_points() -> None:
    points = [Point(100, train_loss=4.0, audio_hours=1.0), Point(150), Point(200, train_loss=2.0, audio_hours=3.0)]
    assert value_at(points, "train_loss", 150) == 3.0
    assert value_at(points, "train_loss", 1.5, hours_of) == 3.5
    assert value_at(points, "train_loss", 99) is None and value_at(points, "train_loss", 201) is None


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "alike"), (1.05, "alike"), (1.5, "the loss is higher"), (0.7, "the loss is lower")]
)
def test_where_a_run_stands(factor: float, verdict: str) -> None:
    said = sentence(like(800, factor), PUBLISHED)
    expected = f"update 800, published at the same update in brackets: loss {factor * 5.486:.3g} (5.49), "
    assert said == f"{expected}code perplexity 18.3 (18.3), accuracy 0.283 (0.283): {verdict}"


def test_where_an_update_hears_less_it_is_compared_by_hours() -> None:
    said = sentence(like(1600, hours=0.5), PUBLISHED)
    # at half the hours of update 1,600, which is update 800 or so
    assert said.startswith("update 1,600, published after the same 1.17e+03 h of audio in brackets: loss 4.53 (5.4")


def test_before_anything_was_published() -> None:
    said = sentence([Point(100, train_loss=9.0)], PUBLISHED)
    expected = "nothing to compare with at the same update, what was published begins at update 200 (292 h)"
    assert said == f"update 100: {expected}"
    assert sentence([], PUBLISHED) == sentence([Point(10)], PUBLISHED) == ""


@pytest.mark.parametrize("updates", [4791, 4792, 400_000])
def test_what_was_published_ends(updates: int) -> None:
    said = sentence([*like(4400), Point(updates, train_loss=3.0)], PUBLISHED)
    assert said == f"update {updates:,}: nothing to compare with, what was published ends at update 4,791"


def test_a_drawing_fits_the_page() -> None:
    text = drawing(like(2000, 1.2), PUBLISHED)
    head, *rows, foot = text.splitlines()
    # 1.2 times 9.276; updates 4,000 and 2,800 of the published run
    assert " ".join(head.split()) == "loss 3.99 to 11.1 code perplexity 15.2 to 523 accuracy 0.0117 to 0.393"
    assert len(rows) == 8 and max(map(len, text.splitlines())) <= 100
    assert foot == "updates 0 to 4,000; * this run, . published"
    assert "*" in rows[0][:32] and "." in rows[-1][:32] and "*" not in rows[-1][:32]


def test_a_drawing_of_nothing_and_of_what_is_no_number() -> None:
    assert "*" not in "".join(drawing([], PUBLISHED).splitlines()[:-1])
    assert drawing([Point(10, train_loss=float("nan")), Point(20, train_loss=float("inf"))], PUBLISHED)
