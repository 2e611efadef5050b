"""What a fairseq checkpoint says of itself, and the sidecar that vouches for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.common import files, sidecars
from scripts.common.errors import StepError
from scripts.trainers import states
from scripts.trainers.states import Damaged

STOP_REQUESTED = "stop-requested"  # a file of this name beside the checkpoints asks the trainer to save and leave


@dataclass(frozen=True)
class Summary:
    """Updates done, the validation loss (bits) measured then, and the wall time in all; None where there is none."""

    updates: int
    validation_loss: float | None
    training_seconds: float | None


def check(state: Any) -> None:
    """Raise Damaged unless fairseq can go on from a state: finite weights, and what Adam has gathered."""
    try:
        updates = updates_in(state)
        state["extra_state"].get("val_loss")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Damaged("is not a whole checkpoint of fairseq's") from None
    states.check_finite(state.get("model"))
    if updates > 0:
        states.check_optimizer(state.get("last_optimizer_state"))


def updates_in(state: Any) -> int:
    """The updates that a state has done."""
    return int(state["optimizer_history"][-1]["num_updates"])


def summarise(state: Any) -> Summary:
    """The counters of a state."""
    extra = state["extra_state"]
    return Summary(updates_in(state), extra.get("val_loss"), extra.get("previous_training_time"))


def verified(checkpoint: Path) -> Any:
    """What a checkpoint of our own trainer holds. Raises StepError for one that is not whole."""
    try:
        return states.verified(checkpoint, check)
    except Damaged as reason:
        raise StepError(
            f"{checkpoint} {reason}: delete {checkpoint.parent}, and this milestone is trained again"
        ) from None


def updates_of(checkpoint: Path) -> int:
    """The updates that a checkpoint of our own trainer has done; 0 where there is none. No code in it is run."""
    if not checkpoint.exists():
        return 0
    try:
        return updates_in(states.load(checkpoint))
    except Damaged as reason:
        raise StepError(f"{checkpoint} {reason}: start again, and it is set aside") from None


def publish(source: Path, target: Path, made_from: dict[str, Any], above: tuple[Path, ...] = (), **facts: Any) -> None:
    """Publish a checkpoint that is whole and, beside it, a sidecar .json that also gives its updates, validation loss
    and wall time.

    The sidecar comes last: a checkpoint without one was not finished.
    """
    summary = summarise(verified(source))
    files.publish(source, target)
    counted = {
        "updates": summary.updates,
        "validation_loss": summary.validation_loss,
        "training_seconds": summary.training_seconds,  # of all jobs and segments that led here
    }
    sidecars.write(target, made_from, above, **counted, **facts)
