"""An exported model in onnxruntime, which starts in a second: CTC's best path, with times."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime

from scripts.common.errors import StepError
from scripts.common.frames import Framing
from scripts.common.rates import SAMPLE_RATE
from scripts.common.tokens import BLANK, text_of
from scripts.transcribe.heard import Token
from scripts.transcribe.sound import Samples

MODEL, CONFIG, TOKENS = "model.onnx", "config.json", "vocab.json"


class Recogniser:
    """The model in a folder of results/export. Several threads may ask it at once: each session's run uses one core."""

    def __init__(self, folder: Path) -> None:
        for name in (MODEL, CONFIG, TOKENS):
            if not (folder / name).is_file():
                raise StepError(f"{folder} is no exported recogniser, as it has no {name}: give one of results/export")
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        self.framing = framing_of(config["conv_kernel"], config["conv_stride"])
        vocabulary = json.loads((folder / TOKENS).read_text(encoding="utf-8"))
        self.tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own have no common class but this
            reason = str(error).splitlines()[0]
            raise StepError(f"{folder / MODEL} cannot be loaded ({reason}): export it again") from None
        self._input = self._session.get_inputs()[0].name

    def hear(self, samples: Samples) -> list[Token]:
        """What is said in (T,) samples at 16 kHz; nothing where they are fewer than one frame hears."""
        if not self.framing.frames(len(samples)):
            return []
        speech = (samples.astype(np.float32) / 32768)[None]
        (scores, *_) = self._session.run(None, {self._input: speech})
        return self.best_path(scores[0].argmax(axis=-1).tolist())

    def best_path(self, frames: list[int]) -> list[Token]:
        """Collapse repeats of the frames' most probable tokens, then drop blanks (Graves et al., 2006)."""
        found, at = [], 0
        for token, repeats in itertools.groupby(frames):
            end = at + len(list(repeats))
            if self.tokens[token] != BLANK:
                times = (number * self.framing.stride / SAMPLE_RATE for number in (at, end))
                found.append(Token(text_of([self.tokens[token]]), *times))
            at = end
        return found


def framing_of(kernels: list[int], strides: list[int]) -> Framing:
    """Of Hugging Face's conv_kernel and conv_stride."""
    field = 1 + sum((kernel - 1) * math.prod(strides[:layer]) for layer, kernel in enumerate(kernels))
    return Framing(field, math.prod(strides))
