"""How the transcripts of a corpus are spelt, where its config asks for more than scripts.common.text.normalise does."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from scripts.common import text
from scripts.corpora.formats.layout import Entry

CHOICES: dict[str, dict[str, Callable[[str], str]]] = {
    "case": {"keep": str, "lower": text.lower},
    "punctuation": {"keep": str, "drop": text.without_punctuation},
}


def spell(entries: Iterable[Entry], spelling: Mapping[str, str]) -> tuple[list[Entry], dict[str, int]]:
    """The entries with transcripts as `spelling` says, and how many of them each key changed.

    `spelling`: the name of one of its CHOICES for each key.
    """
    changed = dict.fromkeys(spelling, 0)
    spelt = []
    for entry in entries:
        for key, value in spelling.items():
            transcript = CHOICES[key][value](entry.transcript or "")
            if transcript != (entry.transcript or ""):
                changed[key] += 1
                entry = replace(entry, transcript=transcript)
        spelt.append(entry)
    return spelt, changed


def report(spelling: Mapping[str, str], changed: Mapping[str, int]) -> Iterator[str]:
    """A line for the log on each key that asks for more than to keep transcripts as they are."""
    for key, value in spelling.items():
        if value != "keep":
            yield f"{key}: {value} changed {changed[key]} transcripts"
