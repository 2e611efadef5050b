"""The recogniser as ONNX, in 32 bits and in 8: waveforms (batch, samples) in, log-probabilities (batch, frames, tokens)
out. The names of both are those that sherpa-onnx asks for.
"""

import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from scripts.common import files
from scripts.common.rates import SAMPLE_RATE
from scripts.common.tokens import BLANK, text_of

INPUT, OUTPUT = "x", "logits"
OPSET = 17
_SHERPA_BLANK = "<blk>"


class WithSoftmax(torch.nn.Module):
    """What sherpa-onnx and others expect of CTC: log-probabilities."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """(N, T) -> (N, frames, tokens)."""
        return self.model(waveforms).logits.log_softmax(-1)


def export(model: torch.nn.Module, path: Path) -> None:
    """Write a model of one file, of any batch and length."""
    axes = {INPUT: {0: "batch", 1: "samples"}, OUTPUT: {0: "batch", 1: "frames"}}
    settings = {"opset_version": OPSET, "dynamo": False, "input_names": [INPUT], "output_names": [OUTPUT]}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of the tracer: shapes that it takes for constants are compared afterwards
        example = torch.zeros(1, SAMPLE_RATE)
        torch.onnx.export(WithSoftmax(model), (example,), str(path), dynamic_axes=axes, **settings)
    onnx.checker.check_model(str(path))


def quantise(path: Path, smaller: Path) -> None:
    """The same with the weights of its matrices in 8 bits. The convolutions stay: they are few, and slower so."""
    quantize_dynamic(path, smaller, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])


def write_tokens(tokens: Sequence[str], path: Path) -> None:
    """sherpa-onnx's tokens.txt: `symbol number`, a line each; its name for the blank is another."""
    lines = (f"{_SHERPA_BLANK if token == BLANK else token} {number}\n" for number, token in enumerate(tokens))
    files.write_text(path, "".join(lines))


class Session:
    """An ONNX model on one core, which is how it is measured."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, waveforms: np.ndarray) -> np.ndarray:
        """float32 (N, T) -> float32 (N, frames, tokens)."""
        return self.session.run([OUTPUT], {INPUT: waveforms})[0]


def best_path(log_probabilities: np.ndarray, tokens: Sequence[str]) -> str:
    """(frames, tokens) -> text: repeats of the most probable tokens collapse, then blanks go."""
    numbers = (number for number, _ in itertools.groupby(log_probabilities.argmax(-1).tolist()))
    return text_of(token for token in (tokens[number] for number in numbers) if token != BLANK)
