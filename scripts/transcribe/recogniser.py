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
from scripts.common.tokens import text_of
from scripts.transcribe.heard import Token
from scripts.transcribe.sound import Samples

MODEL, CONFIG, TOKENS = "model.onnx", "config.json", "tokens.txt"
BLANK = "<blk>"  # in tokens.txt, which is sherpa-onnx's


class Recogniser:
    """The model in a folder of results/export. Several threads may ask it at once: each session's run uses one core."""

    def __init__(self, folder: Path) -> None:
        for name in (MODEL, CONFIG, TOKENS):
            if not (folder / name).is_file():
                raise StepError(f"{folder} is no exported recogniser, as it has no {name}: give one of results/export")
        self.framing, self.tokens = _framing_in(folder / CONFIG), _tokens_in(folder / TOKENS)
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
        return best_path(scores[0].argmax(axis=-1).tolist(), self.tokens, self.framing)


def best_path(frames: list[int], tokens: list[str], framing: Framing) -> list[Token]:
    """Collapse repeats of the frames' most probable tokens, then drop blanks (Graves et al., 2006)."""
    found, at = [], 0
    for token, repeats in itertools.groupby(frames):
        end = at + len(list(repeats))
        if tokens[token] != BLANK:
            times = (number * framing.stride / SAMPLE_RATE for number in (at, end))
            found.append(Token(text_of([tokens[token]]), *times))
        at = end
    return found


def framing_of(kernels: list[int], strides: list[int]) -> Framing:
    """Of Hugging Face's conv_kernel and conv_stride."""
    field = 1 + sum((kernel - 1) * math.prod(strides[:layer]) for layer, kernel in enumerate(kernels))
    return Framing(field, math.prod(strides))


def _framing_in(path: Path) -> Framing:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return framing_of(config["conv_kernel"], config["conv_stride"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(path) from None


def _tokens_in(path: Path) -> list[str]:
    """Of lines `token number`, in the order of their numbers."""
    lines = [line.rpartition(" ") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not lines or [number for *_, number in lines] != [str(number) for number in range(len(lines))]:
        raise _damaged(path)
    return [token for token, *_ in lines]


def _damaged(path: Path) -> StepError:
    return StepError(f"{path} is damaged: export the model again")
