"""Whether what lies there is what config, code and data want now. It reads small files and changes nothing.

A part's sidecar says what it was made from; the same words are put together here from what lies there now. Where they
are equal the part stands, whatever the clock says of the files that it was made from. A part above it that is about to
be made again is taken to come back the same: that is looked at once it is there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.common.sidecars import FORMAT
from scripts.finetune import data
from scripts.reruns.cards import Card, Cards
from scripts.reruns.numbers import parts_of_table
from scripts.reruns.parts import HEARD, Part, above, published_updates, with_all_above
from scripts.reruns.wants import WANTS, Wish, is_later

# Keys of the config that decide which audio is packed. A change of one is seen before anything is made again.
AUDIO = ("corpus", "without_transcripts_of", "validation_fraction", "utterances_per_file")
DATA = {"utterances", "converted", "kept", "split", "archive", "manifest", "data"}
CHECKPOINTS = {"initialisation", "milestone", "best-until", "given"}

# Which files a folder has to hold, by its card.
FOLDERS: dict[str, Callable[[Card], Iterable[str]]] = {
    "data": lambda card: data.FILES,
    "epochs": lambda card: ["config.yaml", *card.get("epochs", {})],
}


@dataclass(frozen=True)
class Difference:
    """A key, with dots where it is nested, that a part was made with another value of. None: it was not there."""

    part: Part
    key: str
    before: Any
    now: Any

    def seen_from(self, part: Part) -> str:
        """In words."""
        text = f"{self.key} ({_short(self.before)} -> {_short(self.now)})"
        return text if self.part == part else f"{Path(self.part.file).name}: {text}"


class Staleness:
    """What is stale of the parts of a config. Recipes are relative to `repository`. Each question is a look of its own:
    the answer may change while a run goes on. `looks`: whether the files of corpora are looked at, which takes seconds.
    """

    def __init__(self, config: Mapping[str, Any], repository: Path, looks: bool = True) -> None:
        self.config, self.repository, self.looks = config, repository, looks
        self._graphs: dict[tuple[Part, ...], Graph] = {}

    @property
    def graph(self) -> "Graph":
        """The parts of the table as it is now: it grows when the best checkpoint is chosen."""
        wanted = tuple(parts_of_table(self.config))
        if wanted not in self._graphs:
            self._graphs[wanted] = Graph(wanted, self.config)
        return self._graphs[wanted]

    @property
    def parts(self) -> list[Part]:
        return self.graph.parts

    def why_stale(self, part: Part) -> list[str]:
        """Why a part has to be made again; nothing for one that stands, and for one that was never made."""
        look = _Look(self)
        reasons = [difference.seen_from(part) for difference in look.differences(part)]
        if not reasons and Path(part.file).is_dir() and look.is_needed(part):
            reasons = [f"{path} is missing" for path in look.lacking(part)]
        return list(dict.fromkeys(reasons))

    def is_chosen(self, model: str) -> bool:
        """Whether it is known which checkpoint is the best of a run, and no other can be as far as that can be said."""
        look, choice = _Look(self), Part.of("best", model=model)
        return bool(look.card(choice)) and not look.differences(choice)

    def is_whole(self, part: Part) -> bool:
        """Whether a part is there with its sidecar, and a folder with all its files."""
        return not _Look(self).lacking(part)

    def is_needed(self, part: Part) -> bool:
        """Whether something of the table has to be made from a part."""
        return _Look(self).is_needed(part)

    def finished_milestones(self, model: str) -> list[Part]:
        """Those of a run that have been made, deleted ones too."""
        cards = Cards(self.parts)
        chain = published_updates(self.config["pretraining"][model])
        parts = [Part.of("milestone", model=model, updates=updates) for updates in chain]
        return [part for part in parts if cards.of(part)]

    def other_audio(self, model: str, is_split: bool) -> list[str]:
        """Why a run may hear other audio than it was packed, as far as can be said yet.

        Keys of the config can be compared before anything is made, the utterances once they are split (`is_split`).
        """
        look, found = _Look(self), []
        for subset in HEARD:
            archive = Part.of("archive", model=model, subset=subset, shard="0000")
            for part in with_all_above([archive], self.config):
                for difference in look.own(part):
                    if _is_key_of_audio(difference):
                        found.append(difference.seen_from(difference.part))
                    elif is_split and part == archive and difference.key == "utterances":
                        found.append(f"other utterances in {subset}")
                    elif is_split and part == archive and _is_other_audio(difference):
                        found.append(f"other audio in {difference.key.removeprefix('audio.')}")
        return list(dict.fromkeys(found))


class Graph:
    """The parts that some are made from and they themselves, and what is made from each."""

    def __init__(self, wanted: Iterable[Part], config: Mapping[str, Any]) -> None:
        self.parts = with_all_above(wanted, config)
        self.below: defaultdict[Part, list[Part]] = defaultdict(list)
        for part in self.parts:
            for other in above(part, config):
                self.below[other].append(part)


class _Look:
    """Everything as it is at one moment."""

    def __init__(self, staleness: Staleness) -> None:
        self._of = staleness
        self._graph = staleness.graph
        self._cards = Cards(self._graph.parts)
        self._known: dict[Part, list[Difference]] = {}

    def differences(self, part: Part) -> list[Difference]:
        """What makes a part stale: its own differences, and those above it that reach it."""
        if part not in self._known:
            found = list(self.own(part))
            for other in above(part, self._of.config):
                found += (difference for difference in self.differences(other) if _reaches(difference, other, part))
            self._known[part] = found
        return self._known[part]

    def card(self, part: Part) -> Card:
        """What is said of a part, by its sidecar or by what is below it."""
        return self._cards.of(part)

    def lacking(self, part: Part) -> list[str]:
        """What is not there of a part."""
        names = FOLDERS[part.kind](self._cards.of(part)) if part.kind in FOLDERS else []
        paths = [part.file, part.sidecar, *(f"{part.file}/{name}" for name in names)]
        return [path for path in paths if not Path(path).exists()]

    def is_needed(self, part: Part) -> bool:
        """A score is, for the table, and so is the choice of the best checkpoint unless the table's record has it; of
        the others those from which something stale is made, or missing and needed.
        """
        if part.kind == "best":
            return not self.card(part)
        return part.kind == "score" or any(
            self.differences(other) or (self.lacking(other) and self.is_needed(other))
            for other in self._graph.below[part]
        )

    def own(self, part: Part) -> Iterator[Difference]:
        """The differences between what a part was made from and what it would be made from now."""
        card = self._cards.of(part)
        if card and card.get("format") != FORMAT:
            yield Difference(part, "format", card.get("format"), FORMAT)
        elif card:
            made_from = {key: value for key, value in card["made_from"].items() if key != "resumed_from_sha256"}
            wanted = WANTS[part.kind](self._wish(part, made_from))
            comparable = {key: value for key, value in wanted.items() if key in made_from or not is_later(part, key)}
            yield from (Difference(part, *difference) for difference in differences(made_from, comparable))

    def _wish(self, part: Part, made_from: Card) -> Wish:
        def now(other: Part | None, key: str | tuple[str, ...], *place: str) -> Any:
            recorded = _look_up(made_from, place)
            found = None
            if other is not None and not self.differences(other):
                found = _look_up(self._cards.of(other), (key,) if isinstance(key, str) else key)
            return next((value for value in (found, recorded) if value is not None), "unknown")

        return Wish(part, self._of.config, self._of.repository, now, self._of.looks)


def _is_key_of_audio(difference: Difference) -> bool:
    """Held-out corpora are compared by name; their transcripts, as all lists, when the utterances are split."""
    key, _, name = difference.key.partition(".")
    return key in AUDIO and (not name or None in (difference.before, difference.now))


def _is_other_audio(difference: Difference) -> bool:
    """Fingerprints of what earlier releases have packed are not known."""
    return difference.key.startswith("audio.") and difference.before not in (None, "unknown")


def _reaches(difference: Difference, other: Part, part: Part) -> bool:
    """Whether a difference of `other` makes `part`, below it, stale; not where `other` may come back the same.

    What may is made by checkpoints of Snakemake, or above one: it asks again once they are there.
    """
    if other.kind in DATA:
        return part.kind in DATA
    if other.kind == "encoder":
        return difference.key == "mask_prob" or (difference.part.kind in CHECKPOINTS and difference.key != "code")
    return True


def _look_up(card: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        card = card.get(key) if isinstance(card, Mapping) else None
    return card


def differences(
    made_from: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """(key, before, now) of each key in which two nested dictionaries differ."""
    for key in sorted({*made_from, *wanted}):
        before, now = made_from.get(key), wanted.get(key)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from differences(before, now, f"{prefix}{key}.")
        elif before != now:
            yield f"{prefix}{key}", before, now


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
