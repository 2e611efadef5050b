"""Where a run begins that goes on from a checkpoint that was given: its weights, in the model of the run's recipe.

What stands here, and what converts such checkpoints, decides what is learnt: a change has such runs trained again.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from scripts.common.errors import StepError
from scripts.pretrain import conversion

# Of a recipe's section `model`, what the shapes of weights do not show, or what names the difference best.
ARCHITECTURE = (
    "encoder_layers",
    "encoder_embed_dim",
    "encoder_ffn_embed_dim",
    "encoder_attention_heads",
    "layer_norm_first",
    "extractor_mode",
    "conv_feature_layers",
    "conv_bias",
    "conv_pos",
    "conv_pos_groups",
    "activation_fn",
    "layer_type",
)
SAID = 4  # of the keys that differ
HEADS = ("quantizer", "project_q", "final_proj", "target_glu")  # of pre-training: a fine-tuned model has none


def put_in(model: torch.nn.Module, config: Any, checkpoint: Path, recipe: Path) -> list[str]:
    """Give a model the weights of a verified checkpoint; the names of heads that it lacks, which stay as they are.

    `config`: the resolved recipe. Raises StepError where the checkpoint is of another architecture.
    """
    state = _load(checkpoint)
    advice = "write a recipe of that architecture, or go on from another checkpoint"
    if differing := [
        f"{key} is {given} there and {own} in the recipe" for key, own, given in differences(config, state)
    ]:
        more = [f"and {len(differing) - SAID} more keys differ"] if differing[SAID:] else []
        raise StepError(f"{checkpoint} does not fit {recipe}: {'; '.join(differing[:SAID] + more)}: {advice}")
    wanted, given = model.state_dict(), state["model"]
    fresh = {name for name in wanted.keys() - given.keys() if name.startswith(HEADS)}
    for name in sorted((wanted.keys() - fresh) | given.keys()):
        shapes = [tuple(tensors[name].shape) if name in tensors else "not there" for tensors in (given, wanted)]
        if shapes[0] != shapes[1]:
            raise StepError(f"{checkpoint} does not fit {recipe}: {name} is {shapes[0]}, not {shapes[1]}: {advice}")
    model.load_state_dict({name: given.get(name, tensor) for name, tensor in wanted.items()})
    return sorted({name.partition(".")[0] for name in fresh})


def differences(config: Any, state: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Each key of the architecture in which a recipe and a checkpoint differ, with both values."""
    ours, theirs = config.get("model") or {}, conversion.settings_of(state, "the checkpoint")
    found = [
        (f"model.{key}", ours[key], theirs[key])
        for key in ARCHITECTURE
        if key in ours and key in theirs and _plain(key, ours[key]) != _plain(key, theirs[key])
    ]
    normalizes = bool((config.get("task") or {}).get("normalize", False))
    if normalizes != conversion.normalizes(state):
        found.append(("task.normalize", normalizes, not normalizes))
    return found


def _plain(key: str, value: Any) -> Any:
    """A value to be compared. fairseq evaluates the expression for the convolutions, too."""
    return list(eval(value)) if key == "conv_feature_layers" else value


def _load(checkpoint: Path) -> Mapping[str, Any]:
    """Objects of fairseq 0.10 take unpickling that can run code: the config has named the digest of such a file."""
    try:
        return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return torch.load(checkpoint, map_location="cpu", weights_only=False)
