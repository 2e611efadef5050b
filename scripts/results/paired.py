"""Whether two systems differ on the same utterances, or chance would do: sign flips over speakers, and MAPSSWE."""

import math
from collections.abc import Sequence

import numpy as np

from scripts.evaluate.aligned import Aligned

LEVEL = 0.05
EXACT_STEPS = 20_000_000  # speakers x the sum of their differences, up to which all flips are counted
DRAWS = 100_000
SEED = 1


def sign_flips(differences: Sequence[int] | np.ndarray) -> float:
    """The p-value of each speaker's errors with one system less those with another, all on the same utterances.

    If the systems were alike, each difference could as well have the other sign: p is the share of all ways to set the
    signs that lead to a sum as far from 0. (A permutation test: Good, Permutation, Parametric and Bootstrap Tests of
    Hypotheses, 2005, chapter 3.) All ways are counted, by adding a speaker at a time to the distribution of the sum;
    where speakers are so many that this takes long, DRAWS of them are drawn with SEED.
    """
    sizes = np.abs(np.asarray(differences, dtype=np.int64))
    sizes = sizes[sizes > 0]
    observed = abs(int(np.asarray(differences).sum()))
    if not len(sizes):
        return 1.0
    if len(sizes) * int(sizes.sum()) <= EXACT_STEPS:
        return _counted(sizes, observed)
    return _drawn(sizes, observed)


def _counted(sizes: np.ndarray, observed: int) -> float:
    total = int(sizes.sum())
    chances = np.ones(1)  # of a sum of -reach, -reach + 2, ...: those between have none
    for size in sizes:
        chances = np.concatenate([chances, np.zeros(size)]) / 2
        chances[size:] += chances[: len(chances) - size].copy()
    sums = np.arange(-total, total + 1, 2)
    return min(1.0, float(chances[np.abs(sums) >= observed].sum()))


def _drawn(sizes: np.ndarray, observed: int) -> float:
    """Of speakers with the same difference, it is a binomial draw how many keep their sign."""
    generator = np.random.default_rng(SEED)
    sums = np.zeros(DRAWS, dtype=np.int64)
    for size, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        sums += size * (2 * generator.binomial(count, 0.5, DRAWS) - count)
    return float((1 + (np.abs(sums) >= observed).sum()) / (DRAWS + 1))


def least_p(speakers: int) -> float:
    """No p-value of sign flips is smaller: all differences have one sign, or all the other."""
    return min(1.0, 2.0 ** (1 - speakers))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that, of all that is compared, the chance of one false alarm is what is said of each.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def segment_errors(first: Aligned, second: Aligned) -> tuple[np.ndarray, np.ndarray]:
    """The errors of two systems in each segment of MAPSSWE, as NIST's sc_stats cuts them with its two words between.

    Errors belong to one segment unless two neighbouring characters part them that both systems have right, with nothing
    inserted between the two. Source: SCTK 2.4.10, test_comp_sents in src/sclite/mtchprs.c (earlier ones leave out what
    the second system alone inserts behind the end of an utterance).
    """
    starts = first.starts()
    is_right = (first.wrong == 0) & (second.wrong == 0)
    is_right[starts + first.lengths] = False  # the end of an utterance is no character
    parts = np.zeros(len(is_right), dtype=bool)
    parts[1:] = is_right[1:] & is_right[:-1] & (first.inserted[1:] == 0) & (second.inserted[1:] == 0)
    parts[starts] = True
    errors = [aligned.wrong.astype(np.int64) + aligned.inserted for aligned in (first, second)]
    segments = np.cumsum(parts) - 1
    counts = [np.bincount(segments, weights=of_one).astype(np.int64) for of_one in errors]
    some = counts[0] + counts[1] > 0
    return counts[0][some], counts[1][some]


def mapsswe(first: Aligned, second: Aligned) -> float:
    """The p-value of Matched Pairs Sentence-Segment Word Error, two-tailed, on characters.

    Segments count as independent of one another, although those of a speaker are not: beside the sign flips it says too
    often that there is a difference. Source: Gillick and Cox, Some statistical issues in the comparison of speech
    recognition algorithms, ICASSP 1989. As with sc_stats, Z is 0 where all segments have the same difference, and p is
    that of its whole hundredths.
    """
    ours, theirs = segment_errors(first, second)
    differences = ours - theirs
    if len(differences) < 2 or not differences.var():
        return 1.0
    z = differences.mean() / (differences.std(ddof=1) / math.sqrt(len(differences)))
    return math.erfc(math.floor(abs(float(z)) * 100) / 100 / math.sqrt(2))
