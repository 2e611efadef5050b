"""Which validations are those of a collapsed model. The figures are of real runs: tests/unit/curves/README.md."""

import math
from typing import Any

import pytest

from scripts.pretrain.collapse import figures, is_collapsed, quantizer
from scripts.trainers.fairseq_log import Row

DEMO = {"groups": 2, "candidates": 21}
BASE = {"groups": 2, "candidates": 101}


def validation(loss: float, perplexity: float | None, of: dict[str, int] = DEMO, **more: Any) -> dict[str, Any]:
    return {"loss": loss, "infonce": loss, "code_perplexity": perplexity, "accuracy": None, **of, **more}


@pytest.mark.parametrize(
    "found",
    [
        validation(0.0, 2.0),  # the demo at 30 times its learning rate
        validation(1.049, 2.505),  # at 15 times, on its way there
        validation(0.066, 2.0, infonce=0.0),  # silent audio: what is left is the codebook's own loss
        validation(0.0, 2.0, BASE),
        validation(0.0, 1.0, {"groups": 1, "candidates": 101}),
        validation(math.nan, 15.0),
        validation(math.inf, 2.0),
    ],
)
def test_collapsed(found: dict[str, Any]) -> None:
    assert is_collapsed(found)


@pytest.mark.parametrize(
    "found",
    [
        validation(4.383, 30.505),  # the demo after 50 updates
        validation(1.46, 17.905),  # after 250
        validation(4.25, 14.955, BASE),  # the published run, at the bottom of its dip
        validation(4.387, 2.1),  # few codes, and a loss by chance: nothing is learnt, nothing is free
        validation(0.1, 30.0),  # a good model
        validation(0.1, None),  # a recipe that does not log it
        {**validation(0.0, 2.0), "loss": None, "infonce": None},
        {},
        None,
    ],
)
def test_sound_or_unknown(found: dict[str, Any] | None) -> None:
    assert not is_collapsed(found)


def test_figures_of_a_checkpoint() -> None:
    row = Row("valid", 50, loss=1.05, infonce=1.049, code_perplexity=2.505, accuracy=0.4125)
    expected = {"loss": 1.05, "infonce": 1.049, "accuracy": 0.4125, "code_perplexity": 2.505, **DEMO}
    assert figures(row, {"num_negatives": 20, "latent_groups": 2}) == expected
    assert figures(None, {}) is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({}, BASE),
        ({"num_negatives": 20, "latent_groups": 1}, {"groups": 1, "candidates": 21}),
        ({"num_negatives": 50, "cross_sample_negatives": 50}, BASE),
    ],
)
def test_what_follows_from_the_recipe(model: dict[str, int], expected: dict[str, int]) -> None:
    assert quantizer(model) == expected
