"""Models of fairseq's wav2vec 2.0, small or whole, with random weights."""

from collections.abc import Mapping
from typing import Any

import torch
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
from omegaconf import OmegaConf

from scripts.finetune.espnet_numerics import padding_mask


def fairseq_model(settings: Mapping[str, Any]) -> Wav2Vec2Model:
    """In evaluation mode, the same each time."""
    torch.manual_seed(1)
    return Wav2Vec2Model(OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), dict(settings))).eval()


class Encoder(torch.nn.Module):
    """ESPnet's FairSeqWav2Vec2Encoder without what loads it from a file: what it computes, by its names."""

    def __init__(self, model: Wav2Vec2Model, output_size: int, normalize_before: bool) -> None:
        super().__init__()
        width = model.cfg.encoder_embed_dim
        self.encoders = model
        self.output_layer = torch.nn.Sequential(torch.nn.Linear(width, output_size)) if width != output_size else None
        if normalize_before:
            self.after_norm = torch.nn.LayerNorm(output_size, eps=1e-12)
            torch.nn.init.normal_(self.after_norm.weight)
            torch.nn.init.normal_(self.after_norm.bias)

    def forward(self, speech: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        encoded = self.encoders(speech, padding_mask(lengths), mask=False, features_only=True)["x"]
        encoded = self.output_layer(encoded) if self.output_layer else encoded
        return self.after_norm(encoded) if hasattr(self, "after_norm") else encoded, None, None


class Head(torch.nn.Module):
    """ESPnet's CTC, of which the linear layer decodes."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.ctc_lo = torch.nn.Linear(width, tokens)


class Recogniser(torch.nn.Module):
    """Encoder and head as scripts/evaluate/transcribe.py has them."""

    def __init__(self, model: Wav2Vec2Model, tokens: int, output_size: int, normalize_before: bool = True) -> None:
        super().__init__()
        self.encoder = Encoder(model, output_size, normalize_before)
        self.ctc = Head(output_size, tokens)

    def encode(self, speech: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.encoder(speech, lengths)[:2]
