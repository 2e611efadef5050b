"""Logits as one matrix product, from which positives and negatives are picked by index.

Stock fairseq gathers the 100 negatives of each masked frame as vectors, 25,600 numbers a frame in fp32, and takes
cosines of them one by one. Here each utterance's masked frames are multiplied by each of its quantized vectors, which
is less work, and the index of a negative picks its product. The negatives are those that fairseq would have drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.models.wav2vec import wav2vec2

from scripts.pretrain.faster.replacing import replace_on

Function = Callable[..., Any]
SMALLEST = 1e-8  # below which torch.cosine_similarity takes no norm
COMPARED = 2**26  # numbers that are compared at a time: 128 MB in bf16


@dataclass(frozen=True)
class Picked:
    """The negatives of masked frames: in (B, M, N), for each the number of a masked frame of the same utterance."""

    frames: torch.Tensor


def install(model: Any) -> None:
    """Replace drawing and comparing in a model that takes negatives from the masked frames of their own utterance."""
    others = (model.cross_sample_negatives, model.codebook_negatives, model.negatives_from_everywhere)
    if any(others) or model.n_negatives == 0 or model.target_glu is not None:
        raise RuntimeError("negatives: ours was written for those of the utterance alone: switch it off")
    replace_on(model, "sample_negatives", lambda _: _drawn(model), known="96b6f1cb0b96")
    replace_on(model, "compute_preds", lambda _: _compared(model), known="a766db0e4990")


def _drawn(model: wav2vec2.Wav2Vec2Model) -> Function:
    def sample_negatives(y: torch.Tensor, num: int, padding_count: int | None = None) -> tuple[Picked, torch.Tensor]:
        frames = draw(len(y), int(num), model.n_negatives, y.size(1) - (padding_count or 0))
        picked = frames.view(len(y), int(num), model.n_negatives)
        return Picked(_moved(picked, y.device)), frames

    return sample_negatives


def draw(utterances: int, masked: int, negatives: int, high: int) -> torch.Tensor:
    """(B, M * N) as fairseq draws them, on the CPU: any frame but the one that is to be told from them."""
    own = torch.arange(masked).repeat_interleave(negatives)
    frames = torch.randint(low=0, high=high - 1, size=(utterances, negatives * masked))
    return frames + (frames >= own)


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device without waiting for it."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _compared(model: wav2vec2.Wav2Vec2Model) -> Function:
    def compute_preds(x: torch.Tensor, y: torch.Tensor, negatives: Picked) -> torch.Tensor:
        return logits(x, y, negatives.frames, model.logit_temp)

    return compute_preds


def logits(x: torch.Tensor, y: torch.Tensor, negatives: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cosines of x with y (B, M, D) and with the negatives' y, by temperature: (N + 1, B, M), the positive first.

    A negative that equals the positive is no negative: its logit is -inf, as in fairseq.
    """
    unit_x, unit_y = (F.normalize(vectors.float(), dim=-1, eps=SMALLEST) for vectors in (x, y))
    cosines = unit_x @ unit_y.transpose(1, 2)  # (B, M, M)
    negative = cosines.gather(2, negatives).masked_fill(equal_to_positive(y.detach(), negatives), float("-inf"))
    positive = cosines.diagonal(dim1=1, dim2=2).unsqueeze(-1)
    return (torch.cat([positive, negative], -1) / temperature).type_as(x).permute(2, 0, 1)


def equal_to_positive(y: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
    """Where a negative's vector is that of the positive, in all its numbers: bool (B, M, N)."""
    utterances, masked, width = y.shape
    flat = y.reshape(-1, width)
    first = torch.arange(utterances, device=y.device)[:, None, None] * masked
    others = (negatives + first).view(utterances * masked, -1)
    at_a_time = max(1, COMPARED // (others.size(1) * width))
    parts = zip(flat.split(at_a_time), others.split(at_a_time), strict=True)
    return torch.cat([(flat[other] == own[:, None]).all(-1) for own, other in parts]).view_as(negatives)
