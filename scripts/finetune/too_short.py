"""Fine-tunings that end before they have begun to learn, said as they start: how long they are depends on the data."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLD_LENGTH = 80_000  # samples: a batch is halved for utterances of that length, cut to a third for twice that


def lengths_of(data: Path) -> list[int]:
    """How long the utterances of train are, in samples; `data`: the folder that prepare_data has written."""
    lines = (data / "train" / "speech_shape").read_text(encoding="utf-8").splitlines()
    return [int(line.split()[1].split(",")[0]) for line in lines]


def batches_of(lengths: list[int], batch_size: int) -> int:
    """About how many batches an epoch has."""
    return max(round(sum(1 + length // FOLD_LENGTH for length in lengths) / batch_size), 1)


def too_short(recipe: Mapping[str, Any], path: Path, lengths: list[int]) -> Iterator[str]:
    """A training shorter than its warm-up, or than the time in which its encoder is frozen."""
    size, epochs, together = recipe.get("batch_size") or 20, recipe["max_epoch"], recipe.get("accum_grad") or 1
    batches = epochs * batches_of(lengths, size)
    updates = batches // together
    warmup = recipe.get("scheduler_conf", {}).get("warmup_steps") or 0
    frozen = recipe.get("encoder_conf", {}).get("freeze_finetune_updates") or 0
    words = f"{len(lengths)} utterances, batch_size {size}, accum_grad {together}, max_epoch {epochs}"
    if warmup > updates:
        yield (
            f"{path}: scheduler_conf.warmup_steps is {warmup:,}, and the training ends after about {updates:,} updates "
            f"({words}), before its learning rate is reached: lower the one, or more epochs"
        )
    if frozen > batches:
        yield (
            f"{path}: encoder_conf.freeze_finetune_updates is {frozen:,}, and the training ends after about "
            f"{batches:,} batches ({words}), so that only the head learns: lower the one, or more epochs"
        )
