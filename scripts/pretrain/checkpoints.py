"""What a fairseq checkpoint says of itself, and the sidecar that vouches for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scripts.common import files, sidecars

STOP_REQUESTED = "stop-requested"  # a file of this name beside the checkpoints asks the trainer to save and leave


@dataclass(frozen=True)
class Summary:
    """Updates done, the validation loss (bits) measured then, and the wall time in all; None where there is none."""

    updates: int
    validation_loss: float | None
    training_seconds: float | None


def summarise(checkpoint: Path) -> Summary:
    """Read the counters of a checkpoint that this machine's own trainer has written (unpickles it)."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=True)
    updates = state["optimizer_history"][-1]["num_updates"]
    extra = state["extra_state"]
    return Summary(int(updates), extra.get("val_loss"), extra.get("previous_training_time"))


def updates_of(checkpoint: Path) -> int:
    """The updates that a checkpoint of our own trainer has done; 0 where there is none."""
    return summarise(checkpoint).updates if checkpoint.exists() else 0


def publish(source: Path, target: Path, made_from: dict[str, Any], above: tuple[Path, ...] = (), **facts: Any) -> None:
    """Publish a checkpoint and, beside it, a sidecar .json that also gives its updates, validation loss and wall time.

    The sidecar comes last: a checkpoint without one was not finished.
    """
    summary = summarise(source)
    files.publish(source, target)
    counted = {
        "updates": summary.updates,
        "validation_loss": summary.validation_loss,
        "training_seconds": summary.training_seconds,  # of all jobs and segments that led here
    }
    sidecars.write(target, made_from, above, **counted, **facts)
