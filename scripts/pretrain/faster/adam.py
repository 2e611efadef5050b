"""fairseq's Adam for all parameters at a time, on a GPU.

Stock fairseq launches some eight kernels for each of 200 parameters. These are the same operations in the same order,
each for all parameters at once. torch's own fused Adam is another formula: it adds eps after the bias correction.
Parameters on a CPU keep the stock step, whose square root is the exact one (scripts/trainers/square_root.py).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from fairseq.optim.adam import Adam

from scripts.trainers.replacing import replace

Function = Callable[..., Any]


def install() -> None:
    """Replace the step of every Adam of fairseq's."""
    replace(Adam, "step", _all_at_once, known="ee841a9dabf4")


def _all_at_once(stock: Function) -> Function:
    def step(self: Adam, closure: Function | None = None) -> Any:
        if closure is not None or not all(fits(group) for group in self.param_groups):
            return stock(self, closure)
        for group in self.param_groups:
            update(self, group)
        return None

    return step


def fits(group: dict[str, Any]) -> bool:
    """Whether `update` was written for these parameters."""
    tensors = [tensor for p in group["params"] if p.grad is not None for tensor in (p, p.grad)]
    return not group.get("amsgrad") and all(t.is_cuda and t.dtype == torch.float32 for t in tensors)


def update(self: Adam, group: dict[str, Any]) -> None:
    """One step of the parameters that have a gradient; those that got their first one later have counted fewer."""
    by_steps: dict[int, list[torch.nn.Parameter]] = {}
    for p in group["params"]:
        if p.grad is not None:
            state = self.state[p]
            if not state:
                state |= {"step": 0, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
            state["step"] += 1
            by_steps.setdefault(state["step"], []).append(p)
    for steps, parameters in by_steps.items():
        _update(self, group, steps, parameters)


@torch.no_grad()
def _update(self: Adam, group: dict[str, Any], steps: int, parameters: list[torch.nn.Parameter]) -> None:
    weights = [p.data for p in parameters]
    gradients = [p.grad.data for p in parameters]
    means, squares = ([self.state[p][name] for p in parameters] for name in ("exp_avg", "exp_avg_sq"))
    beta1, beta2 = group["betas"]
    torch._foreach_mul_(means, beta1)
    torch._foreach_add_(means, gradients, alpha=1 - beta1)
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, group["eps"])
    if group["weight_decay"] != 0:
        torch._foreach_add_(weights, weights, alpha=-group["weight_decay"] * group["lr"])
    step_size = group["lr"] * math.sqrt(1 - beta2**steps) / (1 - beta1**steps)
    torch._foreach_addcdiv_(weights, means, roots, value=-step_size)
