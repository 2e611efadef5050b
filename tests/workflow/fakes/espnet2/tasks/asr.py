"""A recogniser that hears the corpora of this folder's tests: a tone of n times 100 Hz for 100 ms is one character, and
the tone above those is a space.
"""

import os
from types import SimpleNamespace

import torch
import yaml
from deciding import digest

FRAME = 1600  # samples; one character each
ALPHABETS = ("甲乙丙丁", "абвг")  # at 100, 200, 300, 400 Hz


class Head:
    """The part of the model that names tokens."""

    def __init__(self, tokens: list[str]) -> None:
        (alphabet,) = (alphabet for alphabet in ALPHABETS if set(alphabet) <= set(tokens))
        spoken = [*alphabet, *(["<space>"] if "<space>" in tokens else [])]
        self.token_of = torch.tensor([0] + [tokens.index(token) for token in spoken])

    def argmax(self, tones: torch.Tensor) -> torch.Tensor:
        """(1, frames) -> (1, 2 * frames): tokens with a blank behind each."""
        heard = self.token_of[tones]
        return torch.stack([heard, torch.zeros_like(heard)], dim=2).reshape(1, -1)


class Model(torch.nn.Module):
    """Hears every character if its encoder was pre-trained for 20 updates or more, only the first if for fewer.

    With FAKE_ERRORS it misses one of four, each model others: errors then tell which weights it has.
    """

    def __init__(self, weights: dict[str, torch.Tensor], tokens: list[str]) -> None:
        super().__init__()
        self.knowledge, self.ctc = float(weights["knowledge"]), Head(tokens)
        self.weights = weights["digest"].tolist()
        cfg = SimpleNamespace(conv_feature_layers=f"[(1, {FRAME}, {FRAME})]")
        self.encoder = SimpleNamespace(encoders=SimpleNamespace(cfg=cfg))

    def encode(self, speech: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, samples) -> (1, frames): the number of each frame's tone."""
        assert speech.shape[1] >= FRAME, "Kernel size can't be greater than actual input size"
        frames = speech[0, : speech.shape[1] // FRAME * FRAME].reshape(-1, FRAME)
        tones = torch.fft.rfft(frames).abs().argmax(dim=1) * (16000 // FRAME) // 100
        if self.knowledge < 20:
            tones[1:] = 0
        if os.environ.get("FAKE_ERRORS"):
            missed = [digest(self.weights, number, int(tone))[0] < 64 for number, tone in enumerate(tones)]
            tones[torch.tensor(missed)] = 0
        return tones[None], lengths


class ASRTask:
    """The one function of ESPnet's task that is used."""

    @staticmethod
    def build_model_from_file(config: str, weights: str, device: str) -> tuple[Model, None]:
        """The model and, as in ESPnet, its arguments."""
        with open(config, encoding="utf-8") as file:
            tokens = yaml.safe_load(file)["token_list"]
        return Model(torch.load(weights), tokens), None
