"""Make the checkpoint that ESPnet starts from: verified, without optimizer state, masking as fine-tuning wants it.

ESPnet's wav2vec 2.0 encoder masks in training as the checkpoint's own pre-training configuration says; there is no
key for it in ESPnet's. Dropping the optimizer's state leaves a third of the size. What a checkpoint that was given
lacks, and fairseq asks for although fine-tuning does not, is filled in. The data was prepared for encoders of certain
frames and masks: a checkpoint that needs more audio for a frame, or has longer masks, is refused.
"""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from scripts.common import files, provenance, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.frames import Framing, add_options
from scripts.finetune import identity

# What fairseq takes for keys that a checkpoint lacks: wav2vec 2.0 base.
LAYERS = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2"
MASK_LENGTH, MASK_PROB = 10, 0.65
WIDTH = 768


def load(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint holds whose bytes were verified.

    Those of fairseq 0.10 and before hold objects, which take unpickling that can run code. Such a one was given, and
    its sha256 is the one that the config names.
    """
    try:
        return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return torch.load(checkpoint, map_location="cpu", weights_only=False)


def model_configuration(state: dict[str, Any]) -> Any:
    """The part of a fairseq checkpoint that says how it masks: cfg["model"], or the flat args of older releases."""
    if state.get("cfg") is not None:
        return state["cfg"]["model"]
    if state.get("args") is not None:
        return vars(state["args"])
    raise StepError("the checkpoint holds neither cfg nor args: it is not one that fairseq has written")


def prepare(state: dict[str, Any], mask_prob: float | None) -> dict[str, Any]:
    """Drop the optimizer's state; set the share of masked frames unless `mask_prob` is None (the checkpoint's own)."""
    state.pop("last_optimizer_state", None)  # optimizer_history has to stay: fairseq refuses a checkpoint without
    if not state.get("optimizer_history") and "best_loss" not in state:  # which the oldest have instead
        state["optimizer_history"] = [{"num_updates": 0, "optimizer_name": "FairseqAdam", "lr_scheduler_state": {}}]
        state.setdefault("extra_state", {})
    if "layer_norm.weight" in state["model"] and "final_proj.weight" not in state["model"]:
        add_heads(state["model"], model_configuration(state))
    if mask_prob is not None:
        model_configuration(state)["mask_prob"] = mask_prob
    return state


def add_heads(model: dict[str, torch.Tensor], configuration: Any) -> None:
    """Zeros for the heads of pre-training, which fine-tuning does not use: fairseq loads no model without."""
    (channels,), (width,) = model["layer_norm.weight"].shape, model["encoder.layer_norm.weight"].shape
    configuration["quantize_targets"] = configuration["target_glu"] = False
    size = configuration.get("final_dim", 0) if configuration.get("final_dim", 0) > 0 else width
    for name, inputs in (("project_q", channels), ("final_proj", width)):
        model |= {f"{name}.weight": torch.zeros(size, inputs), f"{name}.bias": torch.zeros(size)}


def check_frames(configuration: Any, frames: Mapping[str, float], checkpoint: Path) -> None:
    """Raise StepError for a model that is coarser than the data was prepared for. `frames`: keys of the task."""
    own = Framing.of_layers(configuration.get("conv_feature_layers", LAYERS))
    masks = configuration.get("mask_prob", MASK_PROB) > 0
    length = configuration.get("mask_length", MASK_LENGTH) if masks else 0
    wanted = Framing.of_ms(frames["receptive_field_ms"], frames["stride_ms"])
    if own.field > wanted.field or own.stride > wanted.stride or length > frames["mask_frames"]:
        found = dict(zip(identity.FRAMES, (*own.in_ms(), length), strict=True))
        coarser = {key: max(value, frames[key]) for key, value in found.items()}
        raise StepError(
            f"{checkpoint} is coarser than the task's data is prepared for (it has {_said(found)}): "
            f"set {_said({key: value for key, value in coarser.items() if value != frames[key]})} of the task"
        )


def _said(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key}: {value:g}" for key, value in values.items())


def main() -> None:
    """Parse the command line and write the prepared checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="with its sidecar .json beside it")
    parser.add_argument("--mask-prob", type=float, help="as in the checkpoint if it is left out")
    add_options(parser)
    parser.add_argument("--output", type=Path, required=True, help="encoder.pt; a sidecar .json goes beside it")
    arguments = parser.parse_args()

    checkpoint = sidecars.verified(arguments.checkpoint)
    state = prepare(load(arguments.checkpoint), arguments.mask_prob)
    check_frames(model_configuration(state), vars(arguments), arguments.checkpoint)
    with files.whole(arguments.output) as temporary, temporary.open("wb") as file:
        torch.save(state, file)  # a file object: torch writes a path's name into the file

    settings = (arguments.mask_prob, vars(arguments))
    made_from = identity.encoding(checkpoint["sha256"], *settings, code_digest(__spec__.name))
    facts = {"width": model_configuration(state).get("encoder_embed_dim", WIDTH)}
    facts |= provenance.circumstances("fairseq", "torch")
    sidecars.write(arguments.output, made_from, (arguments.checkpoint,), **facts)


if __name__ == "__main__":
    exit_on_error(main)
