"""How far an error rate may be from that of all speakers: intervals over speakers, and over seeds."""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
FEW_SPEAKERS = 10  # below, the caption says so


@dataclass(frozen=True)
class Interval:
    """From `low` to `high` with CONFIDENCE; NaN where there is none. `error`: the standard error of what it is of."""

    low: float
    high: float
    error: float = math.nan

    def __bool__(self) -> bool:
        return not math.isnan(self.low)


NONE = Interval(math.nan, math.nan)


def over_speakers(errors: np.ndarray, characters: np.ndarray) -> Interval:
    """The interval of an error rate, from each speaker's errors and characters.

    The errors of a speaker hang together, so speakers are left out, not utterances: the jackknife on log(CER), with
    Student's t for speakers - 1 degrees of freedom. Source: Efron and Tibshirani, An Introduction to the Bootstrap
    (1993), chapter 11, the logarithm as they advise for rates. It covers 94 to 95 % where speakers' rates spread as in
    real sets (docs/results.md), where a bootstrap over 5 to 40 speakers covers 81 to 93 %.

    None with one speaker, and none where all errors are one speaker's, or there are no errors: the logarithm of a rate
    of 0 is not a number.
    """
    low, high, error = jackknife(np.asarray(errors), np.asarray(characters))
    return Interval(float(low), float(high), float(error))


def jackknife(errors: np.ndarray, characters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`over_speakers` of many sets at once, the last axis being the speakers': low, high, standard error of the rate.

    NaN where a set has no interval.
    """
    speakers = errors.shape[-1]
    left = (errors.sum(-1, keepdims=True) - errors).astype(float)
    others = (characters.sum(-1, keepdims=True) - characters).astype(float)
    if speakers < 2:
        return tuple(np.full(errors.shape[:-1], math.nan) for _ in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = errors.sum(-1) / characters.sum(-1)
        logarithms = np.log(left / others)
        spread = ((logarithms - logarithms.mean(-1, keepdims=True)) ** 2).sum(-1)
        error = np.sqrt((speakers - 1) / speakers * spread)
        width = np.exp(student(speakers - 1) * error)
    return rate / width, rate * width, rate * error


def of_difference(errors: np.ndarray, others: np.ndarray, characters: np.ndarray) -> Interval:
    """The interval of the difference of two error rates on the same utterances: the same jackknife, without logarithm
    as a difference may be 0. None with one speaker.
    """
    speakers = len(errors)
    remaining = characters.sum() - characters
    if speakers < 2 or not remaining.all():
        return NONE
    differences = np.asarray(errors, dtype=float) - others
    without = (differences.sum() - differences) / remaining
    error = math.sqrt((speakers - 1) / speakers * ((without - without.mean()) ** 2).sum())
    middle, width = differences.sum() / characters.sum(), student(speakers - 1) * error
    return Interval(middle - width, middle + width, error)


def over_seeds(rates: list[float]) -> Interval:
    """The interval of the mean over seeds, by Student's t; none of fewer than 3, of which it would say nothing."""
    if len(rates) < 3:
        return NONE
    error = deviation(rates) / math.sqrt(len(rates))
    middle, width = float(np.mean(rates)), student(len(rates) - 1) * error
    return Interval(middle - width, middle + width, error)


def deviation(rates: list[float]) -> float:
    """The sample standard deviation; of a single rate there is none (NaN)."""
    return float(np.std(rates, ddof=1)) if len(rates) > 1 else math.nan


def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The t within which Student's distribution has `confidence` of its weight, on both sides of 0.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4, by halving the angle.
    """
    low, high = 0.0, math.pi / 2
    powers = np.arange(freedom % 2 + 2, freedom - 1, 2)  # of the cosine, after the first
    factors = np.cumprod((powers - 1) / powers)
    for _ in range(60):
        angle = (low + high) / 2
        if math.cos(angle) <= 0:
            break
        weight = _weight(angle, freedom, powers, factors)
        low, high = (angle, high) if weight < confidence else (low, angle)
    return math.tan(low) * math.sqrt(freedom)


def _weight(angle: float, freedom: int, powers: np.ndarray, factors: np.ndarray) -> float:
    """How much lies within t = tan(angle) * sqrt(freedom) on both sides of 0."""
    sine, cosine = math.sin(angle), math.cos(angle)
    rest = float((factors * cosine**powers).sum())
    if freedom % 2 == 0:
        return sine * (1 + rest)
    if freedom == 1:
        return 2 / math.pi * angle
    return 2 / math.pi * (angle + sine * (cosine + rest))
