"""Errors in characters or words as NIST's sclite counts them.

sclite does not minimise the number of errors. It minimises 4 x substitutions + 3 x deletions + 3 x insertions, so
a deletion with an insertion (6) beats two substitutions (8) wherever it buys a match, and its total can exceed the
edit distance: five substitutions cost 20, three deletions with three insertions around two matches cost 18.

Several alignments may cost the same and still differ in their counts. sclite then decides cell by cell: a match or
substitution where no other step is cheaper, else a deletion where it is cheaper than an insertion, else an insertion.

Source: SCTK (https://github.com/usnistgov/SCTK), wwd_WORD in src/sclite/word.c for the weights and
calculate_internal_cells in src/sclite/net_dp.c for the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SUBSTITUTION, DELETION, INSERTION = 4, 3, 3


@dataclass(frozen=True)
class ErrorCounts:
    """Errors in hypotheses whose references have a `length` of so many characters, or words, in all. They add up."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCounts:
    """Errors of one hypothesis. Characters (or words) are compared as they are (sclite -s); both sides may be empty.

    A cell holds the cost of the chosen alignment of two prefixes and its substitutions. The rest follows at the
    end: the lengths give deletions - insertions, the cost gives deletions + insertions.
    """
    costs = [INSERTION * column for column in range(len(hypothesis) + 1)]
    substituted = [0] * len(costs)
    for row, character in enumerate(reference, start=1):
        diagonal_cost, diagonal_substituted = costs[0], substituted[0]
        costs[0] = left_cost = DELETION * row
        for column, other in enumerate(hypothesis, start=1):
            differs = character != other
            aligned = diagonal_cost + SUBSTITUTION * differs
            deleted = costs[column] + DELETION
            inserted = left_cost + INSERTION
            aligned_substituted = diagonal_substituted + differs
            diagonal_cost, diagonal_substituted = costs[column], substituted[column]
            if aligned <= deleted and aligned <= inserted:
                left_cost, substituted[column] = aligned, aligned_substituted
            elif deleted < inserted:
                left_cost = deleted
            else:
                left_cost, substituted[column] = inserted, substituted[column - 1]
            costs[column] = left_cost
    return _counts(costs[-1], substituted[-1], len(reference), len(hypothesis))


def _counts(cost: int, substitutions: int, reference_length: int, hypothesis_length: int) -> ErrorCounts:
    gaps = (cost - SUBSTITUTION * substitutions) // DELETION  # a deletion costs what an insertion costs
    surplus = reference_length - hypothesis_length
    return ErrorCounts(substitutions, (gaps + surplus) // 2, (gaps - surplus) // 2, reference_length)
