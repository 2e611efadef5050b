"""A recogniser with random weights, handed over as scripts/export/hand_over_recogniser.py does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from scripts.evaluate.transcribe import best_path
from scripts.export import hand_over_encoder, hand_over_recogniser
from scripts.export.handed_over import Model, Utterance
from tests.unit.wav2vec2 import Recogniser, fairseq_model

TOKENS = ["<blank>", "<unk>", "甲", "乙", "A", "B", "<sos/eos>"]
WORDS = [*TOKENS[:-1], "<space>", "<sos/eos>"]


def handed_over(
    settings: Mapping[str, Any], tokens: Sequence[str] = TOKENS, seconds: float = 3, **recogniser: Any
) -> Model:
    """What it makes of the signals of hand_over_encoder that are no longer; `recogniser`: output_size,
    normalize_before.
    """
    encoder = fairseq_model(settings)
    own = {"output_size": encoder.cfg.encoder_embed_dim} | recogniser
    model = Recogniser(encoder, len(tokens), **own).eval()
    model.ctc.ctc_lo.weight.data *= 20  # so that it says something, as loudly as trained models do
    samples = {name: signal for name, signal in hand_over_encoder.signals().items() if len(signal) <= 16000 * seconds}
    logits = {name: hand_over_recogniser.logits_of(model, signal) for name, signal in samples.items()}
    texts = {name: best_path(array.argmax(-1).tolist(), list(tokens)) for name, array in logits.items()}
    utterances = [Utterance(name, said="甲乙", heard=text) for name, text in texts.items()]
    config, weights = hand_over_recogniser.translate(model, list(tokens), "it")
    expected: dict[str, dict[str, np.ndarray]] = {name: {"logits": array} for name, array in logits.items()}
    return Model(config, list(tokens), False, utterances, {}, weights, samples, expected)


def changed(handed: Model, name: str, by: float) -> None:
    """Change one tensor of what was handed over, after what it was compared with was made."""
    handed.weights[name] = handed.weights[name] + by * torch.ones_like(handed.weights[name])
