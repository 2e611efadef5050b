"""The quantizer's code vectors by a matrix product for each group.

Stock fairseq multiplies the one-hot choice (N, G * V) with all code vectors into (N, G * V, D), hundreds of megabytes
for a micro-batch of the base model and as much again in the backward, and adds up. All but one term of a sum are zero,
so the sums are the same to the bit.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from scripts.pretrain.faster.replacing import replace_on

Function = Callable[..., Any]


def install(model: Any) -> None:
    """Replace the forward of a model's quantizer of targets."""
    quantizer = model.quantizer
    if quantizer is None or quantizer.combine_groups or not quantizer.time_first:
        raise RuntimeError("quantizer: ours was written for one codebook a group: switch it off")
    replace_on(quantizer, "forward", lambda stock: _chosen(quantizer, stock), known="9a8cc9096aee")


def _chosen(quantizer: Any, stock: Function) -> Function:
    def forward(x: torch.Tensor, produce_targets: bool = False) -> dict[str, Any]:
        return stock(x, produce_targets=True) if produce_targets else quantize(quantizer, x)

    return forward


def quantize(quantizer: Any, x: torch.Tensor) -> dict[str, Any]:
    """fairseq's forward for x (B, T, C): the vectors (B, T, D) that were chosen, and how evenly codes are used."""
    batch, frames, width = x.shape
    scores = quantizer.weight_proj(x.reshape(-1, width)).view(batch * frames, quantizer.groups, -1)
    best = scores.argmax(-1, keepdim=True)  # (N, G, 1)
    result = {
        "num_vars": quantizer.num_vars * quantizer.groups,
        "code_perplexity": perplexity(shares_of(best[..., 0], scores)),
        "prob_perplexity": perplexity(torch.softmax(scores.float(), dim=-1).mean(dim=0)),
        "temp": quantizer.curr_temp,
    }
    if quantizer.training:
        flat = scores.reshape(-1, quantizer.num_vars).float()  # fairseq's shape, or other noise would be drawn
        chosen = F.gumbel_softmax(flat, tau=quantizer.curr_temp, hard=quantizer.hard).type_as(scores).view_as(scores)
    else:
        chosen = torch.zeros_like(scores).scatter_(-1, best, 1.0)
    vectors = quantizer.vars.view(quantizer.groups, quantizer.num_vars, -1)
    return result | {"x": torch.bmm(chosen.transpose(0, 1), vectors).transpose(0, 1).reshape(batch, frames, -1)}


def shares_of(chosen: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """How often each code was chosen: codes (N, G), scores (N, G, V) -> (G, V)."""
    ones = torch.ones_like(chosen.t(), dtype=like[:0].float().dtype)
    return ones.new_zeros(like.shape[1:]).scatter_add_(1, chosen.t(), ones) / len(chosen)


def perplexity(shares: torch.Tensor) -> torch.Tensor:
    """Of distributions over codes (G, V), added up over the groups."""
    return torch.exp(-torch.sum(shares * torch.log(shares + 1e-7), dim=-1)).sum()
