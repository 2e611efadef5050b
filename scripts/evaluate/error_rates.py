"""Error rates of a subset by what they may depend on: a table with a row a group."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scripts.common.rates import SAMPLE_RATE
from scripts.evaluate import pinyin
from scripts.evaluate.alignment import ErrorCounts
from scripts.evaluate.error_tables import FREQUENCIES, LENGTHS, ROWS, SPEAKERS, first_of, group_of
from scripts.evaluate.operations import pairs

Confusions = Counter[tuple[str, str]]  # of the reference, of the hypothesis; "" where there is none


@dataclass(frozen=True)
class Utterance:
    """One that was aligned: see `scripts.evaluate.operations`."""

    speaker: str
    samples: int
    reference: Sequence[str]  # without spaces, as it is compared: characters, or words
    hypothesis: Sequence[str]
    steps: str

    @cached_property
    def counts(self) -> ErrorCounts:
        step = self.steps.count
        return ErrorCounts(step("S"), step("D"), step("I"), len(self.reference))


@dataclass
class Tally:
    """What is counted, utterance by utterance, of one subset."""

    sums: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))
    said: Counter[str] = field(default_factory=Counter)
    confusions: Confusions = field(default_factory=Counter)
    in_a_row: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, utterance: Utterance) -> None:
        counts, length = utterance.counts, len(utterance.reference)
        speed = length * SAMPLE_RATE // max(utterance.samples, 1)
        length_group, speed_group = group_of(length, LENGTHS), f"{speed}-{speed + 1}"
        for group in (("speaker", utterance.speaker), ("length", length_group), ("speed", speed_group)):
            sums = self.sums[group]
            sums[0] += 1
            sums[1] += counts.substitutions
            sums[2] += counts.deletions
            sums[3] += counts.insertions
            sums[4] += length
        self.said.update(utterance.reference)
        if counts.errors:
            found = pairs(utterance.reference, utterance.hypothesis, utterance.steps)
            self.confusions.update((said, heard) for step, said, heard in found if step != "C")
            self.in_a_row.update((run[0][0], len(run[0])) for run in re.finditer("D+|I+", utterance.steps))

    def rates(self, in_training: Mapping[str, int]) -> Iterator[list[str]]:
        """The rows of RATE_COLUMNS, by what, and within that by number or name. `in_training`: how often a character
        occurs in the data of fine-tuning. An empty field: there is no such number.
        """
        sums = {key: (utterances, ErrorCounts(*errors)) for key, (utterances, *errors) in self.sums.items()}
        of_speakers = [value for (by, _), value in sums.items() if by == "speaker"]
        every = sum((counts for _, counts in of_speakers), ErrorCounts())
        yield _row("all", "all", every, sum(utterances for utterances, _ in of_speakers))
        several = {"speaker": str} if len(of_speakers) <= SPEAKERS else {}
        for by, key in (several | {"length": first_of, "speed": first_of}).items():
            groups = sorted((group for name, group in sums if name == by), key=key)
            yield from (_row(by, group, sums[by, group][1], sums[by, group][0]) for group in groups)
        yield from self._by_frequency(in_training)
        yield from self._by_kind(every)
        yield from self._by_row(every)

    def _by_frequency(self, in_training: Mapping[str, int]) -> Iterator[list[str]]:
        """Errors belong to the character that was said; so insertions belong to none."""
        groups: dict[str, ErrorCounts] = defaultdict(ErrorCounts)
        for character, count in self.said.items():
            groups[group_of(in_training.get(character, 0), FREQUENCIES)] += ErrorCounts(length=count)
        for (said, heard), count in self.confusions.items():
            if said:
                errors = ErrorCounts(substitutions=count) if heard else ErrorCounts(deletions=count)
                groups[group_of(in_training.get(said, 0), FREQUENCIES)] += errors
        yield from (_row("frequency", group, groups[group]) for group in sorted(groups, key=first_of))

    def _by_kind(self, every: ErrorCounts) -> Iterator[list[str]]:
        """Substitutions by how near they sound, where that is known; all kinds together are all errors."""
        kinds = dict.fromkeys(pinyin.DISTANCES, 0) if pinyin.is_chinese(self.said.items()) else {}
        kinds["substitution"] = 0
        for (said, heard), count in self.confusions.items():
            if said and heard:
                sound = pinyin.compare(said, heard) if len(kinds) > 1 else None
                kinds[sound[0] if sound else "substitution"] += count
        for kind, count in kinds.items():
            yield _row("kind", kind, ErrorCounts(substitutions=count, length=every.length))
        yield _row("kind", "deletion", ErrorCounts(deletions=every.deletions, length=every.length))
        yield _row("kind", "insertion", ErrorCounts(insertions=every.insertions, length=every.length))

    def _by_row(self, every: ErrorCounts) -> Iterator[list[str]]:
        """How many are missing, or too many, one after the other: of a word, or of half a sentence."""
        for step, by, name in (("D", "deletions_in_a_row", "deletions"), ("I", "insertions_in_a_row", "insertions")):
            groups: Counter[str] = Counter()
            for (other, length), count in self.in_a_row.items():
                if other == step:
                    groups[group_of(length, ROWS)] += length * count
            for group in sorted(groups, key=first_of):
                yield _row(by, group, ErrorCounts(**{name: groups[group]}, length=every.length))

    def confused(self, own: str = "character") -> Iterator[list[str]]:
        """The rows of CONFUSION_COLUMNS, each unit's most frequent first: `own`, pinyin, pinyin without tones."""
        yield from _rows(own, self.confusions, self.said)
        if not pinyin.is_chinese(self.said.items()):
            return
        for unit, form in (("pinyin", str), ("toneless", pinyin.toneless)):
            syllables: Confusions = Counter()
            for (said, heard), count in self.confusions.items():
                if said and heard and (sound := pinyin.compare(said, heard)):
                    one, other = form(sound[1]), form(sound[2])
                    syllables[one, other] += count * (one != other)
            occurrences: Counter[str] = Counter()
            for character, count in self.said.items():
                occurrences.update(dict.fromkeys({form(reading) for reading in pinyin.readings(character)}, count))
            yield from _rows(unit, +syllables, occurrences)


def _row(by: str, group: str, counts: ErrorCounts, utterances: int | None = None) -> list[str]:
    numbers = [counts.length, counts.substitutions, counts.deletions, counts.insertions]
    cer = str(counts.errors / counts.length) if counts.length else ""
    return [by, group, "" if utterances is None else str(utterances), *map(str, numbers), cer]


def _rows(unit: str, confusions: Confusions, occurrences: Counter[str]) -> Iterator[list[str]]:
    for (said, heard), count in sorted(confusions.items(), key=lambda item: (-item[1], item[0])):
        yield [unit, said, heard, str(count), str(occurrences[said]) if said else ""]
