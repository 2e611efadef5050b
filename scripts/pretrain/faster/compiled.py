"""Compiled convolutions and layers.

A small micro-batch leaves a GPU waiting for Python; torch.compile makes few kernels of many. Only crops of full length,
in training, take the compiled way: each shape then has its one program, and the bits of an update do not depend on what
a process has seen before it (a segment would otherwise not end as an uninterrupted run does).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from fairseq.models.wav2vec.wav2vec2 import ConvFeatureExtractionModel, TransformerSentenceEncoderLayer

from scripts.pretrain.faster.replacing import replace_on

Function = Callable[..., Any]
SHAPES = 64  # numbers of utterances for which there may be a program; torch's own limit is 8


def install_features(model: Any, samples: int) -> None:
    """Compile the convolutions over crops of so many samples."""
    replace_on(
        model.feature_extractor,
        "forward",
        lambda stock: _in_training(model.feature_extractor, ConvFeatureExtractionModel, stock, 1, samples),
        known="897f0ba61d24",
    )


def install_layers(model: Any, samples: int) -> None:
    """Compile the layers for the frames of crops of so many samples, padded or not."""
    frames = int(model._get_feat_extract_output_lengths(torch.tensor([samples]))[0])
    multiple = model.encoder.required_seq_len_multiple
    for layer in model.encoder.layers:
        replace_on(
            layer,
            "forward",
            lambda stock, layer=layer: _in_training(
                layer, TransformerSentenceEncoderLayer, stock, 0, -(-frames // multiple) * multiple
            ),
            known="9a4f4abd6c02",
        )


def _in_training(module: torch.nn.Module, kind: type, stock: Function, dimension: int, length: int) -> Function:
    """The compiled forward where the input has the usual length in its dimension, the stock one elsewhere."""
    fast = _compiled(kind)

    def forward(x: torch.Tensor, **others: Any) -> Any:
        usual = module.training and torch.is_grad_enabled() and x.shape[dimension] == length
        # contiguous: the first layer's input is a transposed one, and would have a program of its own
        return fast(module, x.contiguous(), **others) if usual else stock(x, **others)

    return forward


@cache
def _compiled(kind: type) -> Function:
    """One program for all modules of a kind: their weights are arguments."""
    torch._dynamo.config.recompile_limit = max(SHAPES, torch._dynamo.config.recompile_limit)
    return torch.compile(kind.forward, dynamic=False)
