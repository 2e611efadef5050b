"""The signs of a training that goes wrong, in the rows of its log.

They are read together: alone, each also comes in runs that end well. A loss by chance, log2 of the candidates, is where
every run begins; few codes are in use at the bottom of the dip of a good run.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from scripts.pretrain import collapse
from scripts.pretrain.findings import Expected, Finding
from scripts.trainers.fairseq_log import TRAIN, Row

IN_A_ROW = 3  # rows of the log that have to agree
AT_CHANCE = 0.01  # how far from the loss by chance, as a share of it
LEARNT = 0.9  # of the loss by chance: a run that got there has left it
SAME_FOR_ALL = 0.8  # of the perplexity of the quantizer's probabilities; sound runs use more of it: 0.95 and above
FADING = 0.1  # of the largest gradient norm
PLATEAU = 200  # updates after the warm-up by which a run has left chance: the demo's need up to 75
FOR_EVER = 2  # times as many
STARVING = 0.5  # of the time spent on updates; the rest waits for audio
SHORTEST = 20  # seconds between rows for that: fairseq rounds to one
DIVERGED = 4  # times the least loss scale


# Each looks at the rows so far, of which the last is new.


def _no_number(rows: Sequence[Row], of: Expected) -> Finding | None:
    last = rows[-1]
    values = {"loss": last.loss, "gradient norm": last.gradient_norm}
    bad = {name: value for name, value in values.items() if value is not None and not isfinite(value)}
    if not bad:
        return None
    recent = _last(rows, 2)
    stops = len(recent) == 2 and all(not _is_finite(row) for row in recent)
    return Finding("no number", stops, last.updates, f"the {_values(bad)}", numerics(of))


def _no_gradient(rows: Sequence[Row], of: Expected) -> Finding | None:
    recent = _last(rows, IN_A_ROW)
    if rows[-1].part != TRAIN or len(recent) < IN_A_ROW or any(row.gradient_norm != 0 for row in recent):
        return None
    evidence = f"the gradient norm is 0 since update {recent[0].updates:,}, so nothing is learnt any more"
    return Finding("no gradient", True, rows[-1].updates, evidence, numerics(of))


def _loss_scale(rows: Sequence[Row], of: Expected) -> Finding | None:
    recent = _last(rows, 2)
    scale = recent[-1].loss_scale if recent else None
    if rows[-1].part != TRAIN or not of.fp16 or scale is None or scale >= 1:
        return None
    stops = all(row.loss_scale is not None and row.loss_scale <= DIVERGED * of.min_loss_scale for row in recent)
    least = f"fp16's loss scale is {scale:.4g}; fairseq gives up at {of.min_loss_scale:.4g}"
    return Finding("loss scale", stops and len(recent) == 2, rows[-1].updates, least, numerics(of))


def _collapse_in_training(rows: Sequence[Row], of: Expected) -> Finding | None:
    """The loss goes to 0 with one code a group."""
    recent = _last(rows, 2)
    if rows[-1].part != TRAIN or len(recent) < 2 or not all(_is_free(row, of) for row in recent):
        return None
    return _collapse(recent[0], rows[-1], of, f"{_loss(rows[-1]):.4g} bits")


def _collapse_at_chance(rows: Sequence[Row], of: Expected) -> Finding | None:
    """The loss stays at chance: the quantizer has the same probabilities for everything, and gradients fade."""
    recent = _last(rows, IN_A_ROW)
    largest = max((row.gradient_norm or 0 for row in rows), default=0)
    if rows[-1].part != TRAIN or len(recent) < IN_A_ROW or not all(_is_same(row, of, largest) for row in recent):
        return None
    fading = f"gradient norm {_shown(recent[-1].gradient_norm)} after {largest:.4g}; "
    return _collapse(recent[0], recent[-1], of, f"{_loss(recent[-1]):.4g} bits", fading)


def _collapse_in_validation(rows: Sequence[Row], of: Expected) -> Finding | None:
    """A validation that is too good tells of the model where training agrees, and else of the validation audio."""
    last = rows[-1]
    if last.part == TRAIN or not collapse.is_collapsed(_figures(last, of)):
        return None
    seen = _last(rows, 1)
    largest = max((row.gradient_norm or 0 for row in rows), default=0)
    if seen and (_is_free(seen[0], of) or _is_same(seen[0], of, largest)):
        return _collapse(last, last, of, f"{_loss(last):.4g} bits in validation")
    evidence = (
        f"validation says a loss of {_loss(last):.4g} bits (by chance: {of.chance:.3f}), accuracy "
        f"{_shown(last.accuracy)}, code perplexity {_shown(last.code_perplexity)} of {of.groups} to "
        f"{of.groups * of.entries}; training does not"
    )
    remedies = "silent or constant validation audio (listen to some of it); the same file many times; a collapse ahead"
    return Finding("validation that cannot be", False, last.updates, evidence, remedies)


def _chance(rows: Sequence[Row], of: Expected) -> Finding | None:
    """No better than one who guesses, ever."""
    last = rows[-1]
    best = min((_loss(row) for row in rows if row.part == TRAIN), default=0.0)
    if last.part != TRAIN or last.updates < of.warmup + PLATEAU or best < (1 - AT_CHANCE) * of.chance:
        return None
    stops = last.updates >= FOR_EVER * (of.warmup + PLATEAU)
    evidence = (
        f"{_loss(last):.4g} bits where {of.chance:.3f} are chance among {of.candidates} candidates, never less than "
        f"{best:.4g}; accuracy {_shown(last.accuracy)}; {last.updates - of.warmup:,} updates after the warm-up"
    )
    remedies = (
        f"the warm-up is too short or the learning rate too high{_rate(of)}: take a third; "
        "a batch too small for it (effective_gpus); gradients that do not reach the encoder (fp16 at its least scale)"
    )
    return Finding("nothing learnt", stops, last.updates, evidence, remedies)


def _lost(rows: Sequence[Row], of: Expected) -> Finding | None:
    """Chance again, after better."""
    recent = _last(rows, IN_A_ROW)
    best = min((_loss(row) for row in rows if row.part == TRAIN), default=of.chance)
    fallen = all(_loss(row) >= (1 - AT_CHANCE) * of.chance for row in recent)
    if rows[-1].part != TRAIN or len(recent) < IN_A_ROW or not fallen or best > LEARNT * of.chance:
        return None
    evidence = f"{_loss(recent[-1]):.4g} bits are chance again ({of.chance:.3f}), after {best:.4g}"
    remedies = f"wait for some hundred updates; then a smaller learning rate{_rate(of)}, or a longer warm-up"
    return Finding("lost again", False, rows[-1].updates, evidence, remedies)


def _starving(rows: Sequence[Row], of: Expected) -> Finding | None:
    recent = _last(rows, IN_A_ROW + 1)
    if rows[-1].part != TRAIN or len(recent) < IN_A_ROW + 1:
        return None
    shares = [_share(before, row) for before, row in pairwise(recent)]
    if any(share is None or share >= STARVING for share in shares):
        return None
    evidence = (
        f"of the time since update {recent[0].updates:,} updates took {max(filter(None, shares)):.0%} at most, "
        f"the rest waited for audio ({_shown(rows[-1].updates_per_second)} updates/s)"
    )
    remedies = (
        "more workers (dataset.num_workers in the recipe, and cpus_per_task in the profile); audio on a local disk; "
        "many validations and checkpoints"
    )
    return Finding("starving", False, rows[-1].updates, evidence, remedies)


SIGNS: list[Callable[[Sequence[Row], Expected], Finding | None]] = [
    _no_number,
    _no_gradient,
    _loss_scale,
    _collapse_in_training,
    _collapse_at_chance,
    _collapse_in_validation,
    _chance,
    _lost,
    _starving,
]


# Words and values


def _collapse(first: Row, last: Row, of: Expected, loss: str, more: str = "") -> Finding:
    since = f" since update {first.updates:,}" if first.updates < last.updates else ""
    evidence = (
        f"the quantizer says the same for everything{since} (loss {loss}, where {of.chance:.3f} are chance; {more}"
        f"accuracy {_shown(last.accuracy)}; code perplexity {_shown(last.code_perplexity)} of {of.groups} to "
        f"{of.groups * of.entries})"
    )
    remedies = (
        f"the learning rate is too high for the batch{_rate(of)}: take a third, or raise effective_gpus; silent or "
        "constant audio (listen to some of it); the diversity loss is off (loss_weights in the recipe)"
    )
    return Finding("collapse", True, last.updates, evidence, remedies)


def numerics(of: Expected) -> str:
    first = "precision: bf16 where the GPU has it; " if of.fp16 else ""
    return f"{first}a smaller learning rate{_rate(of)}; a longer warm-up; damaged audio"


def _rate(of: Expected) -> str:
    return "" if of.learning_rate is None else f" (lr {of.learning_rate:g})"


def _last(rows: Sequence[Row], count: int) -> list[Row]:
    """The last rows of training."""
    found: list[Row] = []
    for row in reversed(rows):
        if len(found) == count:
            break
        if row.part == TRAIN:
            found.append(row)
    return found[::-1]


def _loss(row: Row) -> float:
    """The loss that is compared with chance; infinite where it is not said, which is neither."""
    value = row.loss if row.infonce is None else row.infonce
    return float("inf") if value is None else value


def _figures(row: Row, of: Expected) -> dict[str, Any]:
    return {
        "loss": row.loss,
        "infonce": row.infonce,
        "code_perplexity": row.code_perplexity,
        "groups": of.groups,
        "candidates": of.candidates,
    }


def _is_finite(row: Row) -> bool:
    return all(value is None or isfinite(value) for value in (row.loss, row.gradient_norm))


def _is_free(row: Row, of: Expected) -> bool:
    return _is_finite(row) and collapse.is_collapsed(_figures(row, of))


def _is_chance(row: Row, of: Expected) -> bool:
    return abs(_loss(row) - of.chance) <= AT_CHANCE * of.chance


def _is_same(row: Row, of: Expected, largest: float) -> bool:
    if row.code_perplexity is None or row.prob_perplexity is None or row.gradient_norm is None:
        return False
    few = row.code_perplexity < SAME_FOR_ALL * row.prob_perplexity
    return _is_chance(row, of) and few and row.gradient_norm < FADING * largest


def _share(before: Row, row: Row) -> float | None:
    """The share of the time between two rows that updates took; None where it is not known, or too short to tell."""
    if row.seconds_training is None or not row.updates_per_second or row.updates <= before.updates:
        return None
    seconds = (row.updates - before.updates) / row.updates_per_second
    return row.seconds_training / seconds if seconds >= SHORTEST else None


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _values(values: Mapping[str, float]) -> str:
    return " and the ".join(f"{name} is {value}" for name, value in values.items())
