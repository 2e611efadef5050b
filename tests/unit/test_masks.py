"""Masks follow numpy's global seed, which a trainer sets."""

from typing import Any

import numpy as np

from scripts.trainers.masks import seeded


def record(shape: tuple[int, int], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Stands in for fairseq's compute_mask_indices; returns what it was called with."""
    return {"shape": shape, "args": args, **kwargs}


def draw(compute: Any, seed: int, calls: int = 3) -> list[int]:
    np.random.seed(seed)
    return [compute((2, 5))["seed"] for _ in range(calls)]


def test_the_same_seed_gives_the_same_masks() -> None:
    compute = seeded(record)
    assert draw(compute, 1) == draw(compute, 1)
    assert draw(compute, 1) != draw(compute, 2)
    assert len(set(draw(compute, 1))) == 3


def test_each_row_of_a_batch_is_numbered_and_the_rest_handed_on() -> None:
    called = seeded(record)((3, 7), "padding", 0.65, 10, min_masks=2)
    assert called["indices"].tolist() == [0, 1, 2]
    assert called["epoch"] == 0
    assert (called["shape"], called["args"], called["min_masks"]) == ((3, 7), ("padding", 0.65, 10), 2)


def test_a_seed_that_is_given_stays() -> None:
    np.random.seed(1)
    before = np.random.get_state()[2]
    called = seeded(record)((3, 7), seed=5, epoch=2, indices=[9])
    assert (called["seed"], called["epoch"], called["indices"]) == (5, 2, [9])
    assert np.random.get_state()[2] == before  # and nothing is drawn
    assert seeded(record)((3, 7), seed=0)["seed"] == 0


def test_processes_that_share_a_seed_do_not_share_masks() -> None:
    one, other = (draw(seeded(record, lambda rank=rank: rank), 1) for rank in (0, 1))
    assert [b - a for a, b in zip(one, other, strict=True)] == [1, 1, 1]
