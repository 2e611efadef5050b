"""A wav2vec 2.0 of fairseq's in transformers' words: the table of scripts/pretrain/hugging_face.py, read backwards.

That table is private there, since its module is part of what trainings are known by: renaming it would make finished
ones stale.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

import torch

from scripts.common.errors import StepError
from scripts.pretrain import hugging_face

Tensors = dict[str, torch.Tensor]

HEADS = ("quantizer.", "project_q.", "project_hid.")  # of pre-training, by transformers' names
_MASKS = {  # what transformers' fine-tuning masks by
    "mask_time_prob": "mask_prob",
    "mask_time_length": "mask_length",
    "mask_feature_prob": "mask_channel_prob",
    "mask_feature_length": "mask_channel_length",
}


def config_of(settings: Any) -> dict[str, Any]:
    """Keys of Wav2Vec2Config for fairseq's section `model`, of a checkpoint or of a model that is loaded.

    `conv_feature_layers` is an expression; fairseq has evaluated it to load the model.
    """
    get = settings.get if hasattr(settings, "get") else lambda key: getattr(settings, key, None)
    keys = {theirs: ours for ours, (theirs, _) in hugging_face._KEYS.items()} | _MASKS
    found = {theirs: getattr(get(ours), "value", get(ours)) for theirs, ours in keys.items()}  # some are enums
    if not found["proj_codevector_dim"]:  # 0: as wide as the encoder
        found["proj_codevector_dim"] = found["hidden_size"]
    if not found["codevector_dim"]:
        found["codevector_dim"] = found["proj_codevector_dim"]
    layers = [tuple(map(int, layer)) for layer in eval(get("conv_feature_layers"))]
    convolutions = zip(hugging_face._CONVOLUTIONS, zip(*layers, strict=True), strict=True)
    return {
        **{key: value for key, value in found.items() if value is not None},
        **{key: list(sizes) for key, sizes in convolutions},
        "num_feat_extract_layers": len(layers),
        "feat_extract_norm": "layer" if get("extractor_mode") == "layer_norm" else "group",
    }


def tensors_of(weights: Mapping[str, torch.Tensor], source: str) -> Tensors:
    """The same tensors under transformers' names, without the prefix of models that have a head.

    Raises StepError for one that transformers' wav2vec 2.0 has no place for.
    """
    found = {}
    for name, tensor in weights.items():
        theirs = next((re.sub(ours, other, name) for ours, other in _BACKWARDS if re.fullmatch(ours, name)), "")
        if not theirs:
            raise StepError(f"{source} has {name}, which transformers' wav2vec 2.0 has not: it cannot be exported")
        found[theirs] = tensor.detach().float().cpu()
    return found


def _backwards(theirs: str, ours: str) -> tuple[str, str]:
    """A pattern and its replacement, the other way round: \\1 of the one stands for the first group of the other."""
    groups, numbers = re.findall(r"\([^()]*\)", theirs), itertools.count(1)
    pattern = re.sub(r"\\\\(\d)", lambda found: groups[int(found[1]) - 1], re.escape(ours))
    return pattern, re.sub(r"\([^()]*\)", lambda _: rf"\{next(numbers)}", theirs).replace(r"\.", ".")


# Of two names there for one here the later is the one that transformers saves under.
_BACKWARDS = [_backwards(theirs, ours) for theirs, ours in reversed(hugging_face._NAMES)]
_BACKWARDS += [
    _backwards(hugging_face._NORM_OF_CONVOLUTION, rf"feature_extractor.conv_layers.{place}.\2")
    for place in (r"\1.2", r"\1.2.1")  # the latter between two transpositions, in extractors with layer norms
]
