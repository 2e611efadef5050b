"""What the lists of a corpus say, whatever its audio is: counted while the entries pass, as there may be a million."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from scripts.common.users import HELD_OUT
from scripts.corpora.formats.layout import Entry
from scripts.corpora.usable import printable

HELDOUT_COLUMNS = ["utterance", "subset", "transcript"]


class Census:
    """`watch` comes first, and the entries have to be taken; the rest is said of those that have passed."""

    def __init__(self) -> None:
        self._listed: Counter[str] = Counter()
        self._heldout: list[tuple[str, str, str]] = []

    def watch(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries as they are."""
        for entry in entries:
            if entry.subset.startswith(HELD_OUT) and entry.transcript:
                self._heldout.append((printable(entry.utterance), entry.subset, entry.transcript))
            if entry.path and entry.transcript and not entry.problem:
                self._listed[entry.subset] += 1
            yield entry

    def heldout(self) -> pd.DataFrame:
        """Every transcript of dev and test sets, of unusable wavs too: a sentence leaks whether or not it is played."""
        return pd.DataFrame(self._heldout, columns=HELDOUT_COLUMNS)

    def completeness(self, holds: Mapping[str, int]) -> str:
        """What was listed beside what the corpus is known to hold, and what of it is missing."""
        counts = self._listed
        return "; ".join(
            f"{subset} has {counts[subset]:,} of {known:,}"
            + (f", {known - counts[subset]:,} are missing" if counts[subset] < known else "")
            for subset, known in holds.items()
        )
