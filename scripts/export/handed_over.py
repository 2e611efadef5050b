"""What passes from the environment that trained a model to the one that exports it: a folder without a pickle to trust.

weights.pt has tensors under transformers' names, expected.npz audio and what the trainer's own code makes of it, and
model.json the rest. So neither environment needs the packages of the other.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.common import files
from scripts.common.errors import StepError

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Utterance:
    """One that is compared: what a speaker said and what the model hears there; both "" where it is only audio."""

    name: str
    said: str = ""
    heard: str = ""


@dataclass
class Model:
    """What is handed over. `config`: keys of transformers' Wav2Vec2Config; `weights`: all tensors of its Wav2Vec2ForCTC
    or Wav2Vec2ForPreTraining; `tokens`: of the head, none for an encoder; `normalize`: whether waveforms are to be
    brought to mean 0 and variance 1.

    `samples`: of each utterance int16 (T,) at 16 kHz; `expected`: of some of them what comes out, by name of the
    output, float32. `facts`: for the model card, by what they are about.
    """

    config: dict[str, Any]
    tokens: list[str]
    normalize: bool
    utterances: list[Utterance]
    facts: dict[str, Any]
    weights: Tensors = field(repr=False)
    samples: dict[str, np.ndarray] = field(repr=False)
    expected: dict[str, dict[str, np.ndarray]] = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write the three files."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({name: tensor.contiguous().clone() for name, tensor in self.weights.items()}, folder / "weights.pt")
        arrays = {f"samples {name}": samples for name, samples in self.samples.items()}
        arrays |= {f"{out} {name}": array for name, outs in self.expected.items() for out, array in outs.items()}
        np.savez(folder / "expected.npz", **arrays)
        rest = {key: getattr(self, key) for key in ("config", "tokens", "normalize", "facts")}
        rest["utterances"] = [asdict(utterance) for utterance in self.utterances]
        rest["sha256"] = {name: files.sha256(folder / name) for name in ("weights.pt", "expected.npz")}
        files.write_json(folder / "model.json", rest)


def read(folder: Path) -> Model:
    """What was handed over. Raises StepError where a file is not the one that model.json speaks of."""
    rest = files.read_json(folder / "model.json")
    for name, sha256 in rest.pop("sha256").items():
        if files.sha256(folder / name) != sha256:
            raise StepError(f"{folder / name} is not the file that model.json there describes (sha256): remake both")
    samples: dict[str, np.ndarray] = {}
    expected: dict[str, dict[str, np.ndarray]] = {}
    with np.load(folder / "expected.npz") as arrays:
        for key in arrays.files:
            output, name = key.split(" ", 1)
            if output == "samples":
                samples[name] = arrays[key]
            else:
                expected.setdefault(name, {})[output] = arrays[key]
    rest["utterances"] = [Utterance(**utterance) for utterance in rest["utterances"]]
    weights = torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
    return Model(**rest, weights=weights, samples=samples, expected=expected)


def waveform(samples: np.ndarray) -> np.ndarray:
    """int16 (T,) -> float32 (T,) in [-1, 1), as every step of this workflow hears it."""
    return samples.astype(np.float32) / 32768
