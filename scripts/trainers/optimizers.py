"""Optimizers without torch's compiler, whose import takes a third of a trainer's start.

torch imports it as an optimizer is made, to mark functions as not to be compiled (torch/_compile.py), and at each step,
to divide what is compiled (torch/optim/optimizer.py, _use_grad_for_differentiable). What calls an optimizer here is
never compiled. What is computed is the same.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch


def without_compiler(*kinds: type[torch.optim.Optimizer]) -> None:
    """Call all optimizers' functions as they are, and the steps of torch's own `kinds`."""
    for function in vars(torch.optim.Optimizer).values():
        if stock := getattr(function, "__wrapped__", None):
            setattr(stock, "__dynamo_disable", stock)
    for kind in kinds:
        kind.step = _plain(kind.step.__wrapped__)


def _plain(stock: Callable[..., Any]) -> Callable[..., Any]:
    """A step as torch makes it, where nothing is compiled."""

    @functools.wraps(stock)
    def step(self: torch.optim.Optimizer, *arguments: Any, **options: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return stock(self, *arguments, **options)

    return step
