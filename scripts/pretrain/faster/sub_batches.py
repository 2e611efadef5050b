"""One forward for several micro-batches, each of which stays a sub-batch of its own where it matters.

What a micro-batch decides is kept for each: the number of masked frames (the same in all its utterances, but another in
the next micro-batch), which layers are dropped, negatives, and the shares of codes whose diversity is rewarded. Masks,
dropped layers and (on a GPU) negatives are those that the micro-batches would have drawn one after another; dropout and
the quantizer's noise are drawn for all at once, and so differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.models.wav2vec import wav2vec2
from fairseq.models.wav2vec.utils import pad_to_multiple
from fairseq.modules import GradMultiply

from scripts.pretrain.faster.replacing import expect, replace_on

Function = Callable[..., Any]
SUB_BATCHES = "sub_batches"  # the key of the forward's result that holds the result of each


@dataclass(frozen=True)
class Draw:
    """What chance decides for a sub-batch: mask (utterances, frames), and which layers are kept."""

    mask: np.ndarray
    kept: list[bool]

    def masked(self) -> int:
        """Frames in each utterance."""
        return int(self.mask[0].sum())


def install(model: Any) -> None:
    """Let a model's forward take `rows`, the number of utterances in each sub-batch.

    Ours repeats what fairseq's forward does for the configuration of wav2vec 2.0, and refuses others.
    """
    cfg = model.cfg
    others = [cfg.quantize_input, cfg.negatives_from_everywhere, cfg.codebook_negatives, cfg.target_glu]
    others += [cfg.mask_channel_prob, cfg.cross_sample_negatives, cfg.layer_type != "transformer"]
    others += [cfg.checkpoint_activations, not cfg.quantize_targets, not cfg.mask_prob, not cfg.require_same_masks]
    if any(others):
        raise RuntimeError("at_once: sub-batches were not written for this kind of model: take one at a time")
    expect(wav2vec2.Wav2Vec2Model, "apply_mask", known="6366ad9e4d7c")
    expect(wav2vec2.TransformerEncoder, "extract_features", known="6f879657f9e3")
    expect(wav2vec2.TransformerEncoder, "forward", known="7cad066eee53")
    replace_on(model, "forward", lambda stock: _by_rows(model, stock), known="67bb68edfe0c")


def _by_rows(model: Any, stock: Function) -> Function:
    def forward(source: torch.Tensor, *args: Any, rows: Sequence[int] | None = None, **others: Any) -> dict[str, Any]:
        if rows is None:
            return stock(source, *args, **others)
        return {SUB_BATCHES: forward_together(model, source, rows)}

    return forward


def forward_together(model: Any, source: torch.Tensor, rows: Sequence[int]) -> list[dict[str, Any]]:
    """For source (B, samples) and the utterances of each sub-batch, what fairseq's forward returns for each."""
    features = extract(model, source)
    penalties = [part.float().pow(2).mean() for part in features.split(list(rows))]
    features = model.layer_norm(features.transpose(1, 2))  # (B, T, C)
    features = features[:, : features.size(1) - features.size(1) % model.crop_seq_to_multiple]
    targets = model.dropout_features(features.clone())
    if model.post_extract_proj is not None:
        features = model.post_extract_proj(features)
    features = model.dropout_input(features)
    draws = [draw(model, count, features.size(1)) for count in rows]
    masks = np.concatenate([one.mask for one in draws])
    x, _ = model.apply_mask(features, None, mask_indices=torch.from_numpy(masks).to(source.device))
    x = encode(model.encoder, x, kept_of_utterances(draws, rows))
    at = torch.from_numpy(np.flatnonzero(masks)).to(source.device)
    sizes = [(count, one.masked(), -1) for count, one in zip(rows, draws, strict=True)]
    xs = _divide(model.final_proj(x.flatten(0, 1).index_select(0, at)), sizes)
    ys = _divide(targets.flatten(0, 1).index_select(0, at), sizes)
    return [compare(model, *parts) for parts in zip(xs, ys, penalties, strict=True)]


def extract(model: Any, source: torch.Tensor) -> torch.Tensor:
    """The convolutions over samples: (B, C, T)."""
    if model.feature_grad_mult <= 0:
        with torch.no_grad():
            return model.feature_extractor(source)
    features = model.feature_extractor(source)
    return features if model.feature_grad_mult == 1.0 else GradMultiply.apply(features, model.feature_grad_mult)


def draw(model: Any, utterances: int, frames: int) -> Draw:
    """From numpy's stream, in fairseq's order: the mask, then a number for each layer."""
    mask = wav2vec2.compute_mask_indices(
        (utterances, frames),
        None,
        model.mask_prob,
        model.mask_length,
        model.mask_selection,
        model.mask_other,
        min_masks=2,
        no_overlap=model.no_mask_overlap,
        min_space=model.mask_min_space,
        require_same_masks=model.cfg.require_same_masks,
        mask_dropout=model.cfg.mask_dropout,
    )
    encoder = model.encoder
    kept = [encoder.layerdrop <= 0 or np.random.random() > encoder.layerdrop for _ in encoder.layers]
    return Draw(mask, kept if model.training else [True] * len(kept))


def kept_of_utterances(draws: Sequence[Draw], rows: Sequence[int]) -> np.ndarray:
    """Whether each utterance goes through each layer: (layers, B)."""
    return np.repeat(np.array([one.kept for one in draws]).T, rows, axis=1)


def encode(encoder: Any, x: torch.Tensor, kept: np.ndarray) -> torch.Tensor:
    """fairseq's encoder for x (B, T, C), all of it audio.

    A layer that some drop is computed for all, so that shapes stay the same; those that drop it keep what they had.
    """
    frames = x.size(1)
    x = x + encoder.pos_conv(x.transpose(1, 2)).transpose(1, 2)
    if not encoder.layer_norm_first:
        x = encoder.layer_norm(x)
    x, added = pad_to_multiple(x, encoder.required_seq_len_multiple, dim=-2, value=0)
    padding = None
    if added:
        padding = x.new_zeros(x.shape[:2], dtype=torch.bool)
        padding[:, -added:] = True
    x = F.dropout(x, p=encoder.dropout, training=encoder.training).transpose(0, 1)
    goes = torch.from_numpy(kept).to(x.device)
    for number, layer in enumerate(encoder.layers):
        if kept[number].any():
            y, _ = layer(x, self_attn_padding_mask=padding, need_weights=False)
            x = y if kept[number].all() else torch.where(goes[number][None, :, None], y, x)
    x = x.transpose(0, 1)[:, :frames]
    return encoder.layer_norm(x) if encoder.layer_norm_first else x


def _divide(flat: torch.Tensor, sizes: Sequence[tuple[int, int, int]]) -> list[torch.Tensor]:
    """All masked frames (N, C) as (utterances, masked frames, C) of each sub-batch."""
    parts = flat.split([utterances * masked for utterances, masked, _ in sizes])
    return [part.view(size) for part, size in zip(parts, sizes, strict=True)]


def compare(model: Any, x: torch.Tensor, y: torch.Tensor, penalty: torch.Tensor) -> dict[str, Any]:
    """A sub-batch's masked frames x and targets y, quantized and compared: the rest of fairseq's forward."""
    chosen = model.quantizer(y, produce_targets=False)
    y = model.project_q(chosen["x"])
    negatives, _ = model.sample_negatives(y, y.size(1), padding_count=None)
    return {
        "x": model.compute_preds(x, y, negatives),
        "padding_mask": None,
        "features_pen": penalty,
        "prob_perplexity": chosen["prob_perplexity"],
        "code_perplexity": chosen["code_perplexity"],
        "num_vars": chosen["num_vars"],
        "temp": chosen["temp"],
    }
