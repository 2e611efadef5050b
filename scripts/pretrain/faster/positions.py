"""The positional convolution as a product of spectra.

Its kernel spans 128 frames. In bf16 cuDNN takes a slow path for it (the largest kernel of a base model's update on an
H200), and on CPUs it is slow as well. The spectrum is taken in fp32 whatever the model's type (float64 stays), so the
result is rounded once where cuDNN's is, too.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

Function = Callable[..., Any]


def install(model: Any) -> None:
    """Give a model's positional convolutions (there is one but for `pos_conv_depth`) another forward."""
    for module in model.encoder.pos_conv.modules():
        if isinstance(module, torch.nn.Conv1d):
            _check(module)
            module.forward = _by_spectra(module)  # weight_norm's hook still sets module.weight before it


def _check(conv: torch.nn.Conv1d) -> None:
    symmetric = conv.padding == (conv.kernel_size[0] // 2,) and conv.padding_mode == "zeros"
    if not symmetric or conv.stride != (1,) or conv.dilation != (1,):
        raise RuntimeError(f"positions: ours was not written for {conv}: switch it off")


def _by_spectra(conv: torch.nn.Conv1d) -> Function:
    def forward(x: torch.Tensor) -> torch.Tensor:
        return convolve(x, conv.weight, conv.bias, conv.groups)

    return forward


def convolve(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, groups: int) -> torch.Tensor:
    """conv1d of x (B, C, T) with weight (O, C / groups, K), padded by K // 2 on both sides: (B, O, T + 1 or T)."""
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    (batch, channels, _), (out, _, width) = x.shape, weight.shape
    padded = F.pad(x.to(exact), (width // 2, width // 2))
    size = smooth(padded.shape[-1])
    # To (groups, frequencies, batch, channels), so that there is one matrix product for each group and frequency.
    spectra = torch.fft.rfft(padded, size).view(batch, groups, channels // groups, -1).permute(1, 3, 0, 2)
    kernels = torch.fft.rfft(weight.to(exact), size).conj().view(groups, out // groups, channels // groups, -1)
    product = spectra @ kernels.permute(0, 3, 2, 1)
    y = torch.fft.irfft(product.permute(2, 0, 3, 1).reshape(batch, out, -1), size)
    y = y[..., : padded.shape[-1] - width + 1]
    return (y if bias is None else y + bias.to(exact)[:, None]).to(x.dtype)


def smooth(least: int) -> int:
    """The smallest even number from `least` on without prime factors above 5, for which transforms are fast."""
    size = least + least % 2
    while _rest(size) != 1:
        size += 2
    return size


def _rest(number: int) -> int:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number
