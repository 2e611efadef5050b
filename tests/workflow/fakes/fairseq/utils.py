"""What scripts/pretrain/initialise.py calls before it builds a model."""

import torch


def import_user_module(common: object) -> None:
    """There is no plugin."""


def set_torch_seed(seed: int) -> None:
    """What weights come from."""
    torch.manual_seed(seed)
