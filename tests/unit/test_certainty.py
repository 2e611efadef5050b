"""Intervals: how often they cover what they are of, values worked out by hand, and where there is none."""

import math

import numpy as np
import pytest
from scipy import stats

from scripts.results.certainty import jackknife, of_difference, over_seeds, over_speakers, student

RATE, DRAWS, UTTERANCES = 0.1, 2_000, 40


def simulated(speakers: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors and characters (draws, speakers). Speakers' rates spread log-normally about a mean of RATE; so do, by 0.5,
    those of a speaker's utterances of 5 to 24 characters.
    """
    generator = np.random.default_rng(seed)
    of_speakers = np.exp(generator.normal(-(spread**2) / 2, spread, (DRAWS, speakers, 1)))
    of_utterances = np.exp(generator.normal(-(0.5**2) / 2, 0.5, (DRAWS, speakers, UTTERANCES)))
    characters = generator.integers(5, 25, of_utterances.shape)
    errors = generator.binomial(characters, np.minimum(RATE * of_speakers * of_utterances, 1))
    return errors.sum(-1), characters.sum(-1)


def coverage(speakers: int, spread: float, seed: int) -> float:
    low, high, _ = jackknife(*simulated(speakers, spread, seed))
    return float(((low <= RATE) & (high >= RATE)).mean())


@pytest.mark.parametrize("spread", [0.2, 0.4])
@pytest.mark.parametrize("speakers", [5, 10, 20, 40])
def test_an_interval_contains_the_rate_of_all_speakers_as_often_as_it_says(speakers: int, spread: float) -> None:
    assert 0.93 <= coverage(speakers, spread, seed=speakers) <= 0.97


def test_an_interval_worked_out_by_hand() -> None:
    """Two speakers with 1 and 4 errors in 10 characters each: left out in turn, 0.4 and 0.1 are left. Their logarithms
    lie ln 2 to both sides of the mean: the squares add up to 2 ln² 2, times 1/2 that is ln² 2. t is 12.7062.
    """
    found = over_speakers(np.array([1, 4]), np.array([10, 10]))
    assert (found.low, found.high) == pytest.approx((0.25 / 2**12.7062, 0.25 * 2**12.7062), rel=1e-4)
    assert found.error == pytest.approx(0.25 * math.log(2))


def test_a_difference_worked_out_by_hand() -> None:
    """4 and 2 errors more in 10 characters each: left out in turn, 0.2 and 0.4 are left; 0.1 from 0.3 each."""
    found = of_difference(np.array([5, 3]), np.array([1, 1]), np.array([10, 10]))
    error = math.sqrt(1 / 2 * 2 * 0.1**2)
    assert (found.low, found.high) == pytest.approx((0.3 - 12.7062 * error, 0.3 + 12.7062 * error), rel=1e-4)


def test_seeds_worked_out_by_hand() -> None:
    """Mean 0.12, standard deviation 0.02; t is 4.30265 with 2 degrees."""
    found = over_seeds([0.10, 0.12, 0.14])
    width = 4.30265 * 0.02 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.12 - width, 0.12 + width), rel=1e-5)
    assert not over_seeds([0.1, 0.2]) and not over_seeds([0.1])


@pytest.mark.parametrize(
    ("errors", "characters"),
    [
        ([3], [10]),  # one speaker
        ([0, 0, 0], [10, 10, 10]),
        ([0, 5, 0], [10, 10, 10]),  # without the second nothing is wrong
        ([1, 5], [0, 10]),  # without the second nothing was said
        ([], []),
    ],
)
def test_where_there_is_no_interval(errors: list[int], characters: list[int]) -> None:
    assert not over_speakers(np.array(errors, dtype=int), np.array(characters, dtype=int))


def test_a_speaker_with_one_utterance_and_one_who_says_nothing_count_as_others() -> None:
    found = over_speakers(np.array([1, 4, 5, 0]), np.array([1, 10, 20, 0]))
    assert found and 0 < found.low < 10 / 31 < found.high


@pytest.mark.filterwarnings("error")
def test_differences_without_an_interval() -> None:
    assert not of_difference(np.array([3]), np.array([1]), np.array([10]))
    assert not of_difference(np.array([3, 2]), np.array([1, 1]), np.array([10, 0]))
    alike = of_difference(np.array([3, 2]), np.array([3, 2]), np.array([10, 10]))
    assert (alike.low, alike.high) == (0, 0)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 39, 200, 20_001])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_students_t_is_that_of_scipy(freedom: int, confidence: float) -> None:
    assert student(freedom, confidence) == pytest.approx(stats.t.ppf(0.5 + confidence / 2, freedom), rel=1e-9)
