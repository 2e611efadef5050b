"""Sentences that are nearly held-out ones: with one character more, less or exchanged, with numbers written otherwise,
or with the whole of one in them.

Two sentences are one edit apart where they are the same after one character was taken out of either: what is left of
each held-out sentence, whichever character is taken out, is looked up (Mor and Fraenkel, 1982). What is contained is
found by an automaton of all held-out sentences (Aho and Corasick, 1975).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import ahocorasick
import pandas as pd

from scripts.common.bars import shown
from scripts.common.tables import NEAR_COLUMNS
from scripts.common.text import leakage_key
from scripts.corpora.numerals import DIGIT, WRITTEN, in_digits

LESS, MORE, OTHER = "one character less", "one character more", "another character"
NUMBERS, CONTAINS = "digits for numerals", "contains it"
DIFFERENCES = (OTHER, MORE, LESS, NUMBERS, CONTAINS)
SHORTEST_CONTAINED = 6  # characters: shorter sentences occur everywhere


class Near(NamedTuple):
    """A held-out sentence, and how another one differs from it, in the words of DIFFERENCES."""

    key: str
    difference: str


class HeldOut:
    """Held-out sentences by their leakage keys, to be compared with others."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.whole = {key for key in keys if key}
        self.shortened: dict[str, list[str]] = {}
        self.numbers: dict[str, str] = {}
        self.digits: dict[str, str] = {}  # those of them that have a digit
        self.automaton = ahocorasick.Automaton()
        for key in sorted(self.whole):  # so that the same one is found each time
            for shorter in dict.fromkeys(_shortened(key)):
                self.shortened.setdefault(shorter, []).append(key)
            if WRITTEN.search(key):
                self.numbers.setdefault(in_digits(key), key)
            if DIGIT.search(key):
                self.digits.setdefault(in_digits(key), key)
            if len(key) >= SHORTEST_CONTAINED:
                self.automaton.add_word(key, key)
        self.automaton.make_automaton()

    def nearest(self, key: str) -> Near | None:
        """The held-out sentence that another one is nearly; None if there is none. It is none of them itself."""
        if found := self.shortened.get(key):
            return Near(found[0], LESS)
        for place, shorter in enumerate(_shortened(key)):
            if shorter in self.whole:
                return Near(shorter, MORE)
            for other in self.shortened.get(shorter, ()):
                if key[place + 1 :] == other[place + 1 :] and key[:place] == other[:place]:
                    return Near(other, OTHER)
        return self._with_other_numbers(key) or self._contained(key)

    def _with_other_numbers(self, key: str) -> Near | None:
        """Digits stand in one of the two: no sentence differs by numerals from numerals."""
        candidates = self.numbers if DIGIT.search(key) else self.digits
        if not candidates or not WRITTEN.search(key):
            return None
        found = candidates.get(in_digits(key))
        return Near(found, NUMBERS) if found else None

    def _contained(self, key: str) -> Near | None:
        """The longest that is."""
        if not len(self.automaton) or len(key) <= SHORTEST_CONTAINED:
            return None
        found = max((found for _, found in self.automaton.iter(key)), key=len, default=None)
        return Near(found, CONTAINS) if found else None


def _shortened(key: str) -> Iterator[str]:
    """What is left where one character is taken out; nothing of a single one, which says nothing."""
    if len(key) > 1:
        for place in range(len(key)):
            yield key[:place] + key[place + 1 :]


def near_leaks(utterances: pd.DataFrame, heldout: pd.DataFrame) -> pd.DataFrame:
    """Of utterances that say nothing that is held out, those that nearly do: NEAR_COLUMNS, the longest first.

    `heldout`: the first held-out utterance that says a sentence, by its leakage key. `characters`: of that key;
    `times`: how many utterances are near to it (a phrase is contained in many).
    """
    index = HeldOut(heldout.index)
    transcripts = shown(utterances["transcript"], len(utterances), " sentences")
    found = [index.nearest(leakage_key(transcript)) for transcript in transcripts]
    rows = [row for row, near in enumerate(found) if near]
    keys = [near.key for near in found if near]
    others = heldout.loc[keys]
    near = utterances.iloc[rows][["utterance", "transcript"]].assign(
        heldout_utterance=others["utterance"].to_numpy(),
        heldout_subset=others["subset"].to_numpy(),
        heldout_transcript=others["transcript"].to_numpy(),
        difference=[near.difference for near in found if near],
        characters=[len(key) for key in keys],
    )
    near["times"] = near.groupby("heldout_utterance")["utterance"].transform("size")
    return near.sort_values(["characters", "utterance"], ascending=[False, True])[NEAR_COLUMNS]
