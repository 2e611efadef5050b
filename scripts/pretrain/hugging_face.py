"""A wav2vec 2.0 of Hugging Face's transformers in fairseq's words: the same tensors under other names.

Most published checkpoints exist only so. The architecture stands in config.json, which may leave out what is as
transformers' Wav2Vec2Config has it by default. What it says of masks is about fine-tuning in transformers, and is left
out: what follows is wav2vec 2.0's pre-training, as for a checkpoint of fairseq's that says nothing.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch

from scripts.common.errors import StepError

Tensors = Mapping[str, torch.Tensor]

# Names of transformers, without the prefix of models with a head, and of fairseq.
_NAMES = [
    (r"feature_extractor\.conv_layers\.(\d+)\.conv\.(weight|bias)", r"feature_extractor.conv_layers.\1.0.\2"),
    (r"feature_projection\.layer_norm\.(weight|bias)", r"layer_norm.\1"),
    (r"feature_projection\.projection\.(weight|bias)", r"post_extract_proj.\1"),
    (r"masked_spec_embed", r"mask_emb"),
    (r"encoder\.pos_conv_embed\.conv\.bias", r"encoder.pos_conv.0.bias"),
    (r"encoder\.pos_conv_embed\.conv\.(weight_[gv])", r"encoder.pos_conv.0.\1"),
    (r"encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original0", r"encoder.pos_conv.0.weight_g"),
    (r"encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original1", r"encoder.pos_conv.0.weight_v"),
    (r"encoder\.layer_norm\.(weight|bias)", r"encoder.layer_norm.\1"),
    (r"encoder\.layers\.(\d+)\.attention\.(\w+\.\w+)", r"encoder.layers.\1.self_attn.\2"),
    (r"encoder\.layers\.(\d+)\.layer_norm\.(weight|bias)", r"encoder.layers.\1.self_attn_layer_norm.\2"),
    (r"encoder\.layers\.(\d+)\.feed_forward\.intermediate_dense\.(\w+)", r"encoder.layers.\1.fc1.\2"),
    (r"encoder\.layers\.(\d+)\.feed_forward\.output_dense\.(\w+)", r"encoder.layers.\1.fc2.\2"),
    (r"encoder\.layers\.(\d+)\.final_layer_norm\.(\w+)", r"encoder.layers.\1.final_layer_norm.\2"),
    (r"quantizer\.codevectors", r"quantizer.vars"),
    (r"quantizer\.weight_proj\.(weight|bias)", r"quantizer.weight_proj.\1"),
    (r"project_q\.(weight|bias)", r"project_q.\1"),
    (r"project_hid\.(weight|bias)", r"final_proj.\1"),
]
_NORM_OF_CONVOLUTION = r"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.(weight|bias)"
_FINE_TUNED = r"(lm_head|classifier|projector|layer_weights|tdnn|feature_extractor_norm)\b.*"

# transformers' keys by fairseq's, with transformers' defaults.
_KEYS = {
    "encoder_layers": ("num_hidden_layers", 12),
    "encoder_embed_dim": ("hidden_size", 768),
    "encoder_ffn_embed_dim": ("intermediate_size", 3072),
    "encoder_attention_heads": ("num_attention_heads", 12),
    "activation_fn": ("hidden_act", "gelu"),
    "layer_norm_first": ("do_stable_layer_norm", False),
    "conv_bias": ("conv_bias", False),
    "conv_pos": ("num_conv_pos_embeddings", 128),
    "conv_pos_groups": ("num_conv_pos_embedding_groups", 16),
    "final_dim": ("proj_codevector_dim", 256),
    "latent_vars": ("num_codevectors_per_group", 320),
    "latent_groups": ("num_codevector_groups", 2),
    "latent_dim": ("codevector_dim", 256),
    "num_negatives": ("num_negatives", 100),
    "logit_temp": ("contrastive_logits_temperature", 0.1),
    "dropout": ("hidden_dropout", 0.1),
    "attention_dropout": ("attention_dropout", 0.1),
    "activation_dropout": ("activation_dropout", 0.1),
    "encoder_layerdrop": ("layerdrop", 0.1),
    "dropout_input": ("feat_proj_dropout", 0.0),
    "dropout_features": ("feat_quantizer_dropout", 0.0),
}
# What fairseq's wav2vec 2.0 has no other of.
_ONLY = {
    "model_type": "wav2vec2",
    "add_adapter": False,
    "adapter_attn_dim": None,
    "feat_extract_activation": "gelu",
    "layer_norm_eps": 1e-5,
}
_CONVOLUTIONS = {
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
}


def is_one(state: Mapping[str, Any]) -> bool:
    """Whether tensors by name are those of a wav2vec 2.0 of transformers, or of something that begins like one."""
    return any(re.fullmatch(r"(\w+\.)?feature_projection\.projection\.weight", name) for name in state)


def is_fine_tuned(state: Mapping[str, Any]) -> bool:
    """Whether it has a head that fine-tuning trains."""
    return any(re.fullmatch(_FINE_TUNED, name) for name in state)


def convert(tensors: Tensors, config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A checkpoint as fairseq loads it, in 32 bits, with pre-training's heads where there are any.

    Raises StepError for what fairseq's wav2vec 2.0 cannot express, and where config.json is another model's.
    """
    model = _model(config, source)
    weights = {}
    for name, tensor in tensors.items():
        bare = name.removeprefix("wav2vec2.")
        if not re.fullmatch(_FINE_TUNED, bare):
            weights[_translate(bare, model["extractor_mode"], source)] = tensor.float().contiguous()
    weights.setdefault("mask_emb", torch.zeros(model["encoder_embed_dim"]))  # left out where nothing was ever masked
    model["quantize_targets"] = "quantizer.vars" in weights
    _check(weights, model, source)
    # All that are published with layer norms in the extractor have heard normalised waveforms, and the others not.
    task = {"_name": "audio_pretraining", "data": "", "normalize": model["extractor_mode"] == "layer_norm"}
    return {"args": None, "cfg": {"model": model, "task": task}, "model": weights}


def _model(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """fairseq's section `model`."""
    for key, value in _ONLY.items():
        if config.get(key, value) != value:
            raise StepError(
                f"{source} has {key}: {config[key]} in its config.json, and only {value} can be converted to fairseq's "
                "wav2vec 2.0: give another checkpoint"
            )
    layers = [[int(size) for size in config.get(key, sizes)] for key, sizes in _CONVOLUTIONS.items()]
    model = {ours: config.get(theirs, default) for ours, (theirs, default) in _KEYS.items()}
    return model | {
        "_name": "wav2vec2",
        "extractor_mode": "layer_norm" if config.get("feat_extract_norm", "group") == "layer" else "default",
        "conv_feature_layers": str(list(zip(*layers, strict=True))),
    }


def _translate(name: str, extractor_mode: str, source: str) -> str:
    """fairseq's name of a tensor."""
    if re.fullmatch(_NORM_OF_CONVOLUTION, name):
        place = r"\1.2.1" if extractor_mode == "layer_norm" else r"\1.2"  # between two transpositions
        return re.sub(_NORM_OF_CONVOLUTION, rf"feature_extractor.conv_layers.{place}.\2", name)
    for theirs, ours in _NAMES:
        if re.fullmatch(theirs, name):
            return re.sub(theirs, ours, name)
    raise StepError(f"{source} has {name}, which fairseq's wav2vec 2.0 has not: give another checkpoint")


def _check(weights: Tensors, model: Mapping[str, Any], source: str) -> None:
    """Raise StepError where tensors are not those of a model of this architecture; heads may be missing."""
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
    from omegaconf import OmegaConf

    settings = {key: value for key, value in model.items() if key != "_name"}
    wanted = Wav2Vec2Model(OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), settings)).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    lacking = {name for name in shapes.keys() - found.keys() if not name.startswith(("project_q.", "final_proj."))}
    wrong = lacking | (found.keys() - shapes.keys()) | {n for n in found.keys() & shapes if found[n] != shapes[n]}
    if wrong:
        name = sorted(wrong)[0]
        raise StepError(
            f"{source} and its config.json do not belong together: {name} is {found.get(name, 'not there')} and would "
            f"have to be {shapes.get(name, 'left out')}: bring both from the same place"
        )
