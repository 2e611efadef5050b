"""Hand a checkpoint of pre-training over: its weights under transformers' names, and what fairseq makes of signals.

They are tones in noise, always the same ones: what is compared is arithmetic, and a checkpoint may come from anywhere.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: all is compared on one core

import numpy as np
import torch

from scripts.common import provenance, quiet, sidecars
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.export import handed_over
from scripts.export.handed_over import Model, Utterance
from scripts.export.translated import HEADS, config_of, tensors_of
from scripts.finetune import prepare_encoder
from scripts.pretrain import conversion

SECONDS = (0.6, 1.0, 2.3, 4.0)
UNDECIDED = 1e-4  # where two codes of a frame are as near, the last bit decides which one it is


def signals() -> dict[str, np.ndarray]:
    """int16 (T,) by name: three tones each, which glide, and noise."""
    found, rng = {}, np.random.default_rng(1)
    for seconds in SECONDS:
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        tones = [np.sin(2 * np.pi * (f + 40 * time) * time) for f in rng.uniform(100, 3000, 3)]
        found[f"{seconds} s"] = (3000 * np.sum([*tones, rng.normal(size=len(time)) / 3], axis=0)).astype(np.int16)
    return found


def fairseq_model(state: dict[str, Any], source: str) -> torch.nn.Module:
    """fairseq's model of a checkpoint that was verified, in evaluation mode; its heads may be missing."""
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
    from omegaconf import OmegaConf

    given = conversion.settings_of(state, source)
    known = {key: given[key] for key in Wav2Vec2Config.__dataclass_fields__ if given.get(key) is not None}
    model = Wav2Vec2Model(OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), known)).eval()
    lacking, left = model.load_state_dict(state["model"], strict=False)
    heads = ("quantizer.", "project_q.", "final_proj.")
    if wrong := [*left, *(name for name in lacking if not name.startswith(heads))]:
        raise StepError(f"{source} is no wav2vec 2.0 of the architecture that it names ({wrong[0]}): export another")
    return model


@torch.inference_mode()
def outputs_of(model: torch.nn.Module, samples: np.ndarray, has_heads: bool) -> dict[str, np.ndarray]:
    """Of int16 (T,) what fairseq computes, float32 (frames, ...): `hidden`, and of the heads of pre-training both
    sides, `quantized` with NaN where it is a matter of the last bit.
    """
    speech = torch.from_numpy(handed_over.waveform(samples))[None]
    hidden = model(speech, padding_mask=None, mask=False, features_only=True)["x"]
    found = {"hidden": hidden[0].numpy()}
    if has_heads:
        features = model.layer_norm(model.feature_extractor(speech).transpose(1, 2))
        quantizer = model.quantizer
        quantized = model.project_q(quantizer(features, produce_targets=False)["x"])[0]
        scores = quantizer.weight_proj(features).view(len(quantized), quantizer.groups, -1).topk(2).values
        quantized[((scores[..., 0] - scores[..., 1]) < UNDECIDED).any(-1)] = torch.nan
        found |= {"predicted": model.final_proj(hidden)[0].numpy(), "quantized": quantized.numpy()}
    return found


def parts_of(card: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    """What the sidecar of a checkpoint says of it and of what it was made from, but for checkpoints before it."""
    above = card.get("above", {})
    own = {key: value for key, value in card.items() if key != "above"}
    same = next((other for other in above.values() if other.get("sha256") == own["sha256"]), own)  # best.pt is a copy
    parts = {path: other for path, other in above.items() if not path.endswith(".pt")}
    return parts | {str(checkpoint): own | {"made_from": same["made_from"]}}


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="with its sidecar .json beside it")
    parser.add_argument("--what", choices=["pretraining", "encoder"], required=True, help="with its heads, or without")
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    arguments = parser.parse_args()

    quiet.libraries()
    card = sidecars.verified(arguments.checkpoint)
    state = prepare_encoder.load(arguments.checkpoint)
    model = fairseq_model(state, str(arguments.checkpoint))
    has_heads = arguments.what == "pretraining"
    if has_heads and not {"quantizer.vars", "project_q.weight", "final_proj.weight"} <= state["model"].keys():
        raise StepError(f"{arguments.checkpoint} has no heads of pre-training: export it with what: encoder")
    tensors = tensors_of(state["model"], str(arguments.checkpoint))
    weights = {f"wav2vec2.{name}": tensor for name, tensor in tensors.items() if not name.startswith(HEADS)}
    if has_heads:
        weights |= {name: tensor for name, tensor in tensors.items() if name.startswith(HEADS)}
    samples = signals()
    expected = {name: outputs_of(model, signal, has_heads) for name, signal in samples.items()}
    facts = {"parts": parts_of(card, arguments.checkpoint), "exported_by": provenance.git_commit()}
    normalize = conversion.normalizes(state)
    utterances = [Utterance(name) for name in samples]
    handed = Model(config_of(model.cfg), [], normalize, utterances, facts, weights, samples, expected)
    handed.write(arguments.output)
    print(f"{arguments.checkpoint}, with {len(samples)} signals")


if __name__ == "__main__":
    exit_on_error(main)
