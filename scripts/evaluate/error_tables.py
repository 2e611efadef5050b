"""The tables of errors: their columns, and into which groups numbers fall."""

import re

UTTERANCE_COLUMNS = ["utterance", "speaker", "seconds", "characters", "substitutions", "deletions", "insertions"]
UTTERANCE_COLUMNS += ["reference", "hypothesis", "steps", "alignment"]
RATE_COLUMNS = ["by", "group", "utterances", "characters", "substitutions", "deletions", "insertions", "cer"]
CONFUSION_COLUMNS = ["unit", "reference", "hypothesis", "count", "occurrences"]

LENGTHS = [0, 1, 6, 11, 16, 21, 31, 51, 101]  # in characters: where a group begins
FREQUENCIES = [0, 1, 10, 100, 1000]  # in the training data
ROWS = [1, 2, 3, 4, 6, 11]  # of characters that are missing, or too many, one after the other
SPEAKERS = 1000  # of a subset with more, error rates are not listed by speaker: an utterance may count as one


def group_of(number: int, begins: list[int]) -> str:
    """The group that a number falls into: 0, 1-5, 6-10, ..., 101+."""
    first = max(begin for begin in begins if begin <= number)
    later = [begin for begin in begins if begin > first]
    last = later[0] - 1 if later else None
    return f"{first}+" if last is None else f"{first}" if last == first else f"{first}-{last}"


def first_of(group: str) -> int:
    """Where a group begins."""
    return int(re.match(r"\d+", group)[0])
