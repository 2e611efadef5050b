"""What is known of where a model comes from, taken from the cards of its parts. What is not known is said to be so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.export.terms import TERMS, UNKNOWN, Terms

MISSING = "not known to this run"
Card = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """How a part was trained; texts for a reader."""

    name: str
    rows: list[tuple[str, str]]
    recipe: Mapping[str, Any] | None


def corpora(parts: Mapping[str, Card]) -> dict[str, Terms]:
    """The corpora that a model has heard, by their names in the config."""
    found = {}
    for path, card in parts.items():
        if of := re.fullmatch(r"results/corpora/([^/]+)/utterances\.tsv", path):
            found[of[1]] = TERMS.get(card.get("made_from", {}).get("format", ""), UNKNOWN)
    return found


def trainings(parts: Mapping[str, Card]) -> list[Training]:
    """Pre-training and fine-tuning, those that are among the parts."""
    found = []
    for path, card in parts.items():
        if re.fullmatch(
            r"results/pretrain/[^/]+/(after|best-until)-\d+-updates\.pt|results/pretrain/[^/]+/best\.pt", path
        ):
            found.append(_pretraining(path, card))
        elif path.endswith("/given.pt"):
            rows = [("checkpoint made elsewhere, SHA-256", str(card.get("sha256", MISSING)))]
            found.append(Training(f"A given checkpoint ({path.split('/')[-2]})", rows, None))
        elif path.endswith("/epochs"):
            found.append(_finetuning(card))
    return found


def _pretraining(path: str, card: Card) -> Training:
    made_from = card.get("made_from", {})
    seconds = card.get("training_seconds")
    rows = [
        ("updates", _or_missing(card.get("updates"))),
        ("validation loss", _or_missing(card.get("validation_loss"))),
        ("seed", _or_missing(made_from.get("seed"))),
        ("simulated GPUs", _or_missing(made_from.get("effective_gpus"))),
        ("hardware", _hardware(card)),
        ("hours", MISSING if seconds is None else f"{seconds / 3600:.2f}"),
        *_versions(card),
    ]
    return Training(f"Pre-training ({path.split('/')[2]}, fairseq)", rows, made_from.get("recipe"))


def _finetuning(card: Card) -> Training:
    made_from = card.get("made_from", {})
    rows = [
        ("epochs", _or_missing(len(card.get("epochs", ())) or None)),
        ("learning rate", _or_missing(made_from.get("learning_rate"))),
        ("seed", _or_missing(made_from.get("seed"))),
        ("hardware", _hardware(card)),
        ("hours", f"{MISSING}; its last job took {card.get('seconds_in_this_job', 0) / 3600:.2f}"),
        *_versions(card),
    ]
    return Training("Fine-tuning (ESPnet, CTC)", rows, made_from.get("recipe"))


def _hardware(card: Card) -> str:
    """The device and how many processes used one, and the processor."""
    device, processor = card.get("device"), card.get("processor", {}).get("name")
    count = f"{card['processes']} x " if card.get("processes", 1) > 1 else ""
    return f"{count}{_or_missing(device)}, processor: {_or_missing(processor)}"


def _versions(card: Card) -> list[tuple[str, str]]:
    said = ", ".join(f"{name} {version}" for name, version in card.get("versions", {}).items())
    return [("versions", said or MISSING), ("commit", _or_missing(card.get("git_commit")))]


def _or_missing(value: Any) -> str:
    return MISSING if value is None else str(value)
