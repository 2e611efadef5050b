"""How far fairseq or ESPnet has got, from the log it is writing: of several starts, and cut off anywhere."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.trainers import fairseq_log
from scripts.trainers.tail import whole_lines

INTERVALS = 10  # log intervals over which the speed is measured: enough to hold saving and validation now and then

_EPOCH_STARTED = re.compile(r"\b\d+/(\d+)epoch started")
_EPOCH_ENDED = re.compile(r"\b(\d+)epoch results: (.*)")
_RATE = re.compile(r"\boptim0_lr0=([\d.]+(?:e[+-]?\d+)?)")
_VALID_CER = re.compile(r"\[valid\].*?\bcer_ctc=([\d.]+(?:e[+-]?\d+)?)")


@dataclass(frozen=True)
class Speed:
    """Updates a second, and how many seconds lie between two lines that tell of them."""

    updates_per_second: float
    interval: float


@dataclass
class PretrainingLog:
    """fairseq's log, whose times are taken for this machine's local time."""

    updates: int | None = None
    loss: float | None = None
    code_perplexity: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    validated_at: int | None = None  # updates
    speed: Speed | None = None  # of the newest start that tells of it


@dataclass
class FinetuningLog:
    """ESPnet's log, which gives no times. `learning_rate`: rounded, as ESPnet does."""

    epochs: int = 0
    max_epochs: int | None = None
    cer: float | None = None  # cer_ctc of the validation after the last whole epoch
    learning_rate: float | None = None


def read_pretraining(log: Path) -> PretrainingLog:
    """Read fairseq's log (log_format: json); what is not there yet stays None."""
    found = PretrainingLog()
    reached: list[tuple[float, int]] = []  # time and updates at each line of this start
    for time, logger, message in fairseq_log.dated(whole_lines(log)):
        if logger == "train_inner":
            _note_training(found, _facts(message), time, reached)
        elif logger == "valid":
            facts = _facts(message)
            found.validation_loss = _number(facts, "valid_loss", found.validation_loss)
            found.validated_at = _whole(facts, "valid_num_updates", found.validated_at)
        elif loaded := fairseq_log.LOADED.search(message):
            found.updates = int(loaded[1])
        elif message.startswith(fairseq_log.BEGINNING):
            reached.clear()
    return found


def _note_training(found: PretrainingLog, facts: dict[str, Any], time: float, reached: list[tuple[float, int]]) -> None:
    found.loss = _number(facts, "loss", found.loss)
    found.code_perplexity = _number(facts, "code_perplexity", found.code_perplexity)
    found.accuracy = _number(facts, "accuracy", found.accuracy)
    updates = _whole(facts, "num_updates", None)
    if updates is None:
        return
    found.updates = updates
    reached.append((time, updates))
    found.speed = _speed(reached[-INTERVALS - 1 :]) or found.speed


def _speed(reached: list[tuple[float, int]]) -> Speed | None:
    (first, before), (last, now) = reached[0], reached[-1]
    if last <= first or now <= before:
        return None
    return Speed((now - before) / (last - first), (last - first) / (len(reached) - 1))


def read_finetuning(log: Path) -> FinetuningLog:
    """Read ESPnet's log; what is not there yet stays None."""
    found = FinetuningLog()
    text = whole_lines(log)
    if started := _EPOCH_STARTED.findall(text):
        found.max_epochs = int(started[-1])
    if ended := _EPOCH_ENDED.findall(text):
        found.epochs = int(ended[-1][0])
        rate, cer = _RATE.search(ended[-1][1]), _VALID_CER.search(ended[-1][1])
        found.learning_rate = float(rate[1]) if rate else None
        found.cer = float(cer[1]) if cer else None
    return found


def _facts(message: str) -> dict[str, Any]:
    """The JSON of a line; empty where several processes wrote into one another."""
    try:
        facts = json.loads(message)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _number(facts: dict[str, Any], key: str, otherwise: float | None) -> float | None:
    """A value of fairseq's, which writes numbers as text."""
    try:
        value = float(facts[key])
    except (KeyError, TypeError, ValueError):
        return otherwise
    return value if math.isfinite(value) else otherwise


def _whole(facts: dict[str, Any], key: str, otherwise: int | None) -> int | None:
    value = _number(facts, key, None)
    return otherwise if value is None else int(value)
