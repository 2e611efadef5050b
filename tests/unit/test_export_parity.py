"""What counts as the same model."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from scripts.common.errors import StepError
from scripts.export import parity
from scripts.export.handed_over import Model, Utterance

ONE = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("expected", "made", "difference"),
    [
        (ONE, ONE + np.float32(0.5), 0.5),
        (ONE, ONE[:1], np.inf),
        (ONE, ONE * np.nan, np.inf),
        (ONE, ONE * np.inf, np.inf),
        (ONE * np.nan, ONE, np.inf),
        (np.array([[np.nan, np.nan], [3.0, 4.0]]), ONE + np.array([[9.0], [0.25]]), 0.25),
    ],
    ids=["a number", "frames", "no number", "infinite", "nothing to compare", "what is not compared"],
)
def test_the_largest_difference(expected: np.ndarray, made: np.ndarray, difference: float) -> None:
    assert parity.largest_difference({"of": ONE, "x": expected}, {"of": ONE, "x": made}) == difference


@pytest.mark.parametrize("difference", [1.1e-4, np.inf, np.nan])
def test_more_than_is_allowed_is_refused(difference: float) -> None:
    with pytest.raises(StepError, match=r"^it makes numbers that differ"):
        parity.demand("it", difference)
    parity.demand("it", parity.LARGEST)


def test_large_numbers_may_differ_by_their_last_digits_in_another_library() -> None:
    small, large = np.array([[-9.0, 0.5]]), np.array([[-40.0, 2.0]])
    assert parity.allowed([small]) == parity.LARGEST
    assert parity.allowed([small, large]) == pytest.approx(4e-4)
    parity.demand("it", 3.9e-4, largest=parity.allowed([large]))
    with pytest.raises(StepError, match=r"differ by 0\.00041 from the trainer's, and at most 0\.0004 is allowed"):
        parity.demand("it", 4.1e-4, largest=parity.allowed([large]))


def test_texts_are_compared_but_for_spaces_around_them() -> None:
    utterances = [Utterance("a", "甲 乙", "甲 乙"), Utterance("b", "甲乙", "甲"), Utterance("c", "乙", "乙")]
    samples = {name: np.zeros(16000, dtype=np.int16) for name in "abc"}
    handed = Model({}, [], False, utterances, {}, {}, samples, {})
    found = parity.report(handed, parity.Heard(["甲 乙 ", "甲", "甲乙"], 1.5))
    assert found == {"differing_texts": ["c"], "cer": 2 / 5, "real_time_factor": 0.5}


def test_without_references_there_is_no_rate() -> None:
    assert parity.cer([("", "甲")]) is None
