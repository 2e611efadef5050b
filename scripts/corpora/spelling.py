"""How the transcripts of a corpus are spelt, where its config asks for more than scripts.common.text.normalise does."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from scripts.common import text
from scripts.corpora.formats.layout import Entry

CHOICES: dict[str, dict[str, Callable[[str], str]]] = {
    "case": {"keep": str, "lower": text.lower},
    "punctuation": {"keep": str, "drop": text.without_punctuation},
}


def spell(entries: Iterable[Entry], spelling: Mapping[str, str], changed: Counter[str]) -> Iterator[Entry]:
    """The entries with transcripts as `spelling` says; how many of them each key changes is counted as they come.

    `spelling`: the name of one of its CHOICES for each key.
    """
    wanted = {key: CHOICES[key][value] for key, value in spelling.items() if value != "keep"}
    for entry in entries:
        for key, spelt in wanted.items():
            transcript = spelt(entry.transcript or "")
            if transcript != (entry.transcript or ""):
                changed[key] += 1
                entry = entry._replace(transcript=transcript)
        yield entry


def report(spelling: Mapping[str, str], changed: Mapping[str, int]) -> Iterator[str]:
    """A line for the log on each key that asks for more than to keep transcripts as they are."""
    for key, value in spelling.items():
        if value != "keep":
            yield f"{key}: {value} changed {changed[key]} transcripts"
