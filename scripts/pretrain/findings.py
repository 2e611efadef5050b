"""What the guard finds in a training, and what it measures by: both follow from the recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

from scripts.pretrain import collapse

LOSS_SCALE = 1e-4  # fairseq's own min_loss_scale


@dataclass(frozen=True)
class Expected:
    """What follows from a recipe: the thresholds, and the words for remedies."""

    groups: int
    candidates: int
    warmup: int
    learning_rate: float | None
    entries: int  # of each group's codebook
    fp16: bool
    min_loss_scale: float = LOSS_SCALE

    @property
    def chance(self) -> float:
        """The loss of one who guesses, in bits."""
        return log2(self.candidates)


@dataclass(frozen=True)
class Finding:
    """Something found. `stops`: whether patience cannot mend it; the rest is one sentence when put together."""

    kind: str
    stops: bool
    updates: int
    evidence: str
    remedies: str

    def __str__(self) -> str:
        return f"{self.kind} at update {self.updates:,}: {self.evidence}; most likely first: {self.remedies}"


def expected(recipe: Mapping[str, Any], fp16: bool) -> Expected:
    """What follows from fairseq's configuration."""
    model, schedule = recipe.get("model", {}), recipe.get("lr_scheduler", {})
    rates = recipe.get("optimization", {}).get("lr") or [None]
    return Expected(
        **collapse.quantizer(model),
        warmup=int(schedule.get("warmup_updates") or 0),
        learning_rate=rates[0],
        entries=model.get("latent_vars") or 320,
        fp16=fp16,
        min_loss_scale=recipe.get("common", {}).get("min_loss_scale") or LOSS_SCALE,
    )
