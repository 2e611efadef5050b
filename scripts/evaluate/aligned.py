"""Where the errors of many transcripts lie, all at once: a million utterances take seconds.

The alignment is sclite's, as `scripts.evaluate.alignment` says, decided cell by cell: a match or substitution where no
other step is cheaper, else a deletion where it is cheaper than an insertion, else an insertion.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.evaluate.alignment import DELETION, INSERTION, SUBSTITUTION

ALIGNED, DELETED, INSERTED = 0, 1, 2
CELLS_AT_ONCE = 2_000_000  # a byte each: they stay in the cache


@dataclass(frozen=True)
class Aligned:
    """Errors of many utterances, each of which has a slot for every character of its reference and one behind them.

    lengths: characters of each reference, int64 (utterances,). wrong: whether a character was substituted or deleted,
    uint8 (slots,). places, counts: the slots before which characters were inserted, or, if it is the last one, behind
    all; and how many: they are few.
    """

    lengths: np.ndarray
    wrong: np.ndarray
    places: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, wrong: np.ndarray, inserted: np.ndarray) -> "Aligned":
        places = np.flatnonzero(inserted)
        return cls(lengths, wrong, places, inserted[places])

    @property
    def inserted(self) -> np.ndarray:
        """How many were inserted before each slot, uint16 (slots,)."""
        found = np.zeros(len(self.wrong), dtype=np.uint16)
        found[self.places] = self.counts
        return found

    def starts(self) -> np.ndarray:
        """The first slot of each utterance."""
        return np.cumsum(self.lengths + 1) - (self.lengths + 1)

    def errors(self) -> np.ndarray:
        """Errors of each utterance."""
        if not len(self.lengths):
            return np.zeros(0, dtype=np.int64)
        return np.add.reduceat(self.wrong + self.inserted, self.starts(), dtype=np.int64)


def align(
    references: Sequence[str], hypotheses: Sequence[str], tokens: Callable[[str], list[str]] | None = None
) -> Aligned:
    """Align each hypothesis with its reference by characters; white space does not count, either may be empty.

    `tokens`: takes a text apart into what is aligned instead of characters, as words; they count as such then.
    """
    known: dict[str, int] = {}
    (said, lengths), (heard, heard_lengths) = (
        _numbers(texts, tokens, known) if tokens else _codes(texts) for texts in (references, hypotheses)
    )
    said_starts, heard_starts = np.cumsum(lengths) - lengths, np.cumsum(heard_lengths) - heard_lengths
    slots = np.cumsum(lengths + 1) - (lengths + 1)
    size = int(lengths.sum()) + len(lengths)
    wrong, inserted = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint16)
    differing = np.flatnonzero(np.fromiter(map(str.__ne__, references, hypotheses), dtype=bool, count=len(lengths)))
    order = differing[np.lexsort((heard_lengths[differing], lengths[differing]))]
    for batch in _batches(order, lengths, heard_lengths):
        rows, columns = lengths[batch], heard_lengths[batch]
        reference = _padded(said, said_starts[batch], rows)
        hypothesis = _padded(heard, heard_starts[batch], columns)
        _trace(_steps(reference, hypothesis), reference, hypothesis, rows, columns, slots[batch], wrong, inserted)
    return Aligned.of(lengths, wrong, inserted)


def _codes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The code points of all texts in a row, without white space, and how many each has."""
    whole = "".join(texts)
    if any(character.isspace() for character in set(whole)):
        texts = ["".join(text.split()) for text in texts]
        whole = "".join(texts)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), lengths


def _numbers(
    texts: Sequence[str], tokens: Callable[[str], list[str]], known: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The same of tokens, each of which has a number from 1 on; `known` gains the new ones."""
    numbers, lengths = array("I"), np.zeros(len(texts), dtype=np.int64)
    for place, text in enumerate(texts):
        found = tokens(text)
        numbers.extend(known.setdefault(token, len(known) + 1) for token in found)
        lengths[place] = len(found)
    return np.frombuffer(numbers, dtype=np.uint32), lengths


def _batches(order: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
    """Utterances of like lengths, so many that their cells fit."""
    batches, start = [], 0
    while start < len(order):
        size = max(1, CELLS_AT_ONCE // _cells(rows[order[start]], columns[order[start]]))
        while True:  # those that follow are longer
            part = order[start : start + size]
            fitting = max(1, CELLS_AT_ONCE // _cells(rows[part].max(), columns[part].max()))
            if len(part) <= fitting:
                break
            size = max(fitting, len(part) // 2)
        batches.append(part)
        start += len(part)
    return batches


def _cells(rows: int, columns: int) -> int:
    return int((rows + columns + 1) * (rows + 1))


def _padded(codes: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(longest, utterances): a column an utterance, filled up with 0."""
    places = np.arange(lengths.max(initial=0))[:, None]
    inside = places < lengths
    found = np.zeros(inside.shape, dtype=np.uint32)
    found[inside] = codes[(starts + places)[inside]]
    return found


def _steps(reference: np.ndarray, hypothesis: np.ndarray) -> np.ndarray:
    """The last step of the chosen alignment of each two prefixes: (diagonal, row, utterance), row + column = diagonal.

    A diagonal needs the two before it alone, so all its cells are decided at once.
    """
    rows, columns, utterances = len(reference), len(hypothesis), reference.shape[1]
    steps = np.empty((rows + columns + 1, rows + 1, utterances), dtype=np.uint8)
    number = np.int16 if SUBSTITUTION * (rows + columns) < 30_000 else np.int32
    before = last = np.zeros((rows + 1, utterances), dtype=number)
    for diagonal in range(1, rows + columns + 1):
        costs = np.empty_like(last)
        if diagonal <= columns:
            costs[0], steps[diagonal, 0] = INSERTION * diagonal, INSERTED
        if diagonal <= rows:
            costs[diagonal], steps[diagonal, diagonal] = DELETION * diagonal, DELETED
        first, end = max(1, diagonal - columns), min(rows, diagonal - 1) + 1
        if first < end:
            heard = hypothesis[diagonal - end : diagonal - first][::-1]
            differs = reference[first - 1 : end - 1] != heard
            aligned = before[first - 1 : end - 1] + np.multiply(differs, SUBSTITUTION, dtype=number)
            deleted, inserted = last[first - 1 : end - 1] + DELETION, last[first:end] + INSERTION
            gap = np.minimum(deleted, inserted)
            costs[first:end] = np.minimum(aligned, gap)
            step = np.where(deleted < inserted, DELETED, INSERTED)
            steps[diagonal, first:end] = np.where(aligned <= gap, ALIGNED, step)
        before, last = last, costs
    return steps


def _trace(
    steps: np.ndarray,
    reference: np.ndarray,
    hypothesis: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    slots: np.ndarray,
    wrong: np.ndarray,
    inserted: np.ndarray,
) -> None:
    """Follow the steps back from the end of each utterance, and enter errors into its slots."""
    row, column, utterance = rows.copy(), columns.copy(), np.arange(len(rows))
    while len(utterance):
        step = steps[row + column, row, utterance]
        is_inserted = step == INSERTED
        inserted[slots[utterance[is_inserted]] + row[is_inserted]] += 1
        row = row - ~is_inserted
        column = column - (step != DELETED)
        is_wrong = step == DELETED
        is_aligned = step == ALIGNED
        pair = row[is_aligned], column[is_aligned], utterance[is_aligned]
        is_wrong[is_aligned] = reference[pair[0], pair[2]] != hypothesis[pair[1], pair[2]]
        wrong[slots[utterance[is_wrong]] + row[is_wrong]] = 1
        left = row + column > 0
        row, column, utterance = row[left], column[left], utterance[left]
