"""A trainer that saves what it was given."""

from typing import Any

import torch


class Trainer:
    """As much of fairseq's as scripts/pretrain/initialise.py calls."""

    def __init__(self, config: Any, task: Any, model: torch.nn.Module, criterion: Any) -> None:
        self.model = model

    def consolidate_optimizer(self) -> None:
        """There is none."""

    def save_checkpoint(self, path: str, extra_state: dict[str, Any]) -> None:
        """In the form of fairseq's."""
        state = {
            "cfg": {"model": {"mask_prob": 0.65}},
            "model": self.model.state_dict(),
            "optimizer_history": [{"num_updates": 0}],
            "extra_state": extra_state,
            "last_optimizer_state": {"state": {}},
        }
        with open(path, "wb") as file:
            torch.save(state, file)
