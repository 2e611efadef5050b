"""What ESPnet's checkpoint.pth says of itself, from which it goes on."""

from typing import Any

from scripts.trainers import states
from scripts.trainers.states import Damaged

STATE = "checkpoint.pth"  # of the last whole epoch


def check_state(state: Any) -> None:
    """Raise Damaged unless ESPnet can go on from a checkpoint.pth: finite weights, and an optimizer that has begun."""
    try:
        epoch_of(state)
        optimizers = state["optimizers"]
    except (KeyError, TypeError, ValueError):
        raise Damaged("is not a whole checkpoint of ESPnet's") from None
    states.check_finite(state.get("model"))
    for optimizer in optimizers or [None]:
        states.check_optimizer(optimizer)


def epoch_of(state: Any) -> int:
    """The last epoch that a state has seen whole."""
    return int(state["reporter"]["epoch"])
