"""Wav2vec 2.0 as transformers saves it becomes the checkpoint of fairseq that it would have been.

The names here are written from fairseq to transformers, the other way round than in the code. Models that the real
transformers (5.24.0) had made and saved came out with the same encodings, quantized targets and projections to the bit.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")

from fairseq import checkpoint_utils  # noqa: E402
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune import prepare_encoder  # noqa: E402
from scripts.pretrain import hugging_face, provide_checkpoint  # noqa: E402

BASE = {
    "encoder_layers": 2,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "encoder_attention_heads": 4,
    "conv_feature_layers": "[(16, 10, 5)] + [(24, 3, 2)] * 2",
    "conv_pos": 8,
    "conv_pos_groups": 4,
    "final_dim": 12,
    "latent_vars": 6,
    "latent_dim": 8,
    "quantize_targets": True,
}
LARGE = BASE | {"layer_norm_first": True, "extractor_mode": "layer_norm", "conv_bias": True}
ARCHITECTURES = pytest.mark.parametrize("settings", [BASE, LARGE], ids=["base", "large"])
CONFIG = {
    "model_type": "wav2vec2",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "conv_dim": [16, 24, 24],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 2, 2],
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "proj_codevector_dim": 12,
    "num_codevectors_per_group": 6,
    "codevector_dim": 8,
}
CONFIG_LARGE = CONFIG | {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
THEIRS = {
    r"feature_extractor\.conv_layers\.(\d+)\.0\.": r"wav2vec2.feature_extractor.conv_layers.\1.conv.",
    r"feature_extractor\.conv_layers\.(\d+)\.2\.(1\.)?": r"wav2vec2.feature_extractor.conv_layers.\1.layer_norm.",
    r"layer_norm\.": "wav2vec2.feature_projection.layer_norm.",
    r"post_extract_proj\.": "wav2vec2.feature_projection.projection.",
    r"mask_emb": "wav2vec2.masked_spec_embed",
    r"encoder\.pos_conv\.0\.bias": "wav2vec2.encoder.pos_conv_embed.conv.bias",
    r"encoder\.pos_conv\.0\.weight_g": "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0",
    r"encoder\.pos_conv\.0\.weight_v": "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    r"encoder\.layer_norm\.": "wav2vec2.encoder.layer_norm.",
    r"encoder\.layers\.(\d+)\.self_attn\.": r"wav2vec2.encoder.layers.\1.attention.",
    r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.": r"wav2vec2.encoder.layers.\1.layer_norm.",
    r"encoder\.layers\.(\d+)\.fc1\.": r"wav2vec2.encoder.layers.\1.feed_forward.intermediate_dense.",
    r"encoder\.layers\.(\d+)\.fc2\.": r"wav2vec2.encoder.layers.\1.feed_forward.output_dense.",
    r"encoder\.layers\.(\d+)\.final_layer_norm\.": r"wav2vec2.encoder.layers.\1.final_layer_norm.",
    r"quantizer\.vars": "quantizer.codevectors",
    r"quantizer\.weight_proj\.": "quantizer.weight_proj.",
    r"project_q\.": "project_q.",
    r"final_proj\.": "project_hid.",
}
HEADS = ("quantizer.", "project_q.", "project_hid.")
Tensors = dict[str, torch.Tensor]


def theirs(name: str) -> str:
    (found,) = {re.sub(f"^{ours}", other, name) for ours, other in THEIRS.items() if re.match(ours, name)}
    return found


def original(settings: dict[str, Any]) -> Wav2Vec2Model:
    """A model of fairseq, each of whose weights is random."""
    torch.manual_seed(1)
    model = Wav2Vec2Model(Wav2Vec2Config(**settings)).eval()
    for weight in model.parameters():
        weight.data = 0.3 * torch.randn_like(weight)
    return model


def without_heads(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(HEADS)}


def old_names(tensors: Tensors) -> Tensors:
    """As before torch called a normalised weight a parametrization."""
    pairs = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in pairs.items():
        tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    return tensors


def of_ctc(tensors: Tensors) -> Tensors:
    return without_heads(tensors) | {"lm_head.weight": torch.zeros(30, 32), "lm_head.bias": torch.zeros(30)}


def bare(tensors: Tensors) -> Tensors:
    return {name.removeprefix("wav2vec2."): tensor for name, tensor in without_heads(tensors).items()}


def in_16_bits(tensors: Tensors) -> Tensors:
    return {name: tensor.half() for name, tensor in tensors.items()}


KINDS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "for pre-training": (dict, "model of Hugging Face: its encoder was converted to fairseq's format\n"),
    "with old names": (old_names, "model of Hugging Face: its encoder was converted to fairseq's format\n"),
    "for CTC": (of_ctc, "fine-tuned model of Hugging Face: its encoder was converted to fairseq's format, without"),
    "bare": (bare, "model of Hugging Face: its encoder was converted to fairseq's format, without the heads"),
    "in 16 bits": (in_16_bits, "model of Hugging Face: its encoder was converted to fairseq's format\n"),
}


def provided(monkeypatch: pytest.MonkeyPatch, weights: Path, folder: Path) -> Path:
    """Through the command line, from a path or, as of a server, from a URL."""
    output = folder / "results/given.pt"
    place = ["--url", weights.as_uri()] if weights.suffix == ".bin" else ["--path", str(weights)]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    words = [*place, "--sha256", digest, "--key", "checkpoints.x", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["provide_checkpoint", *words])
    provide_checkpoint.main()
    facts = json.loads(output.with_suffix(".json").read_text())
    config_sha256 = hashlib.sha256((weights.parent / "config.json").read_bytes()).hexdigest()
    assert facts["made_from"] | {"code": ""} == {"sha256": digest, "config_sha256": config_sha256, "code": ""}
    return output


def loaded(monkeypatch: pytest.MonkeyPatch, given: Path) -> Wav2Vec2Model:
    """As ESPnet loads it, once it was prepared."""
    encoder = given.with_name("encoder.pt")
    monkeypatch.setattr(sys, "argv", ["prepare_encoder", "--checkpoint", str(given), "--output", str(encoder)])
    prepare_encoder.main()
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    (model,), _, _ = checkpoint_utils.load_model_ensemble_and_task([str(encoder)], arg_overrides={"data": "."})
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
@ARCHITECTURES
def test_it_is_the_model_that_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, settings: dict[str, Any], kind: str
) -> None:
    change, said = KINDS[kind]
    first = original(settings)
    tensors = change({theirs(name): tensor for name, tensor in first.state_dict().items()})
    weights = tmp_path / ("pytorch_model.bin" if kind == "with old names" else "model.safetensors")
    if weights.suffix == ".bin":
        torch.save(tensors, weights)
    else:
        save_file(tensors, weights)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG_LARGE if settings == LARGE else CONFIG))
    given = provided(monkeypatch, weights, tmp_path)
    assert said in capsys.readouterr().out

    made, known = torch.load(given, weights_only=True)["model"], first.state_dict()
    if kind == "in 16 bits":
        first.load_state_dict({name: tensor.half().float() for name, tensor in known.items()})
        known = first.state_dict()
    lost = known.keys() - made.keys()
    assert not made.keys() - known.keys()
    assert all(name.startswith(("quantizer.", "project_q.", "final_proj.")) for name in lost)
    assert bool(lost) == (kind in ("for CTC", "bare"))
    assert all(made[name].dtype == torch.float32 and torch.equal(made[name], known[name]) for name in made)

    again, waveform = loaded(monkeypatch, given), torch.randn(2, 4000)
    with torch.no_grad():
        one, other = (model(waveform, mask=False, features_only=True)["x"] for model in (first, again))
    assert one.std() > 0.1 and torch.equal(one, other)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model_type": "hubert"}, "has model_type: hubert in its config.json, and only wav2vec2 can be converted"),
        ({"add_adapter": True}, "has add_adapter: True in its config.json, and only False can be converted"),
        ({"layer_norm_eps": 1e-6}, "has layer_norm_eps: 1e-06 in its config.json"),
        ({"hidden_size": 64}, r"config.json do not belong together: .* is \(.*32.*\) and would have to be \(.*64"),
        ({"num_hidden_layers": 3}, r"do not belong together: encoder.layers.2.* is not there and would have to be \("),
        ({"num_hidden_layers": 1}, "do not belong together: encoder.layers.1.* and would have to be left out: bring"),
        ({"feat_extract_norm": "layer"}, "do not belong together: feature_extractor"),
    ],
)
def test_what_fairseq_cannot_express_is_refused(change: dict[str, Any], sentence: str) -> None:
    tensors = {theirs(name): tensor for name, tensor in original(BASE).state_dict().items()}
    with pytest.raises(StepError, match=f"^it .*{sentence}"):
        hugging_face.convert(tensors, CONFIG | change, "it")


def test_a_tensor_that_fairseq_does_not_know_is_named() -> None:
    tensors = {theirs(name): tensor for name, tensor in original(BASE).state_dict().items()}
    with pytest.raises(StepError, match=r"^it has encoder\.layers\.0\.adapter_layer.linear_1.weight, which fairseq's"):
        name = "wav2vec2.encoder.layers.0.adapter_layer.linear_1.weight"
        hugging_face.convert(tensors | {name: torch.zeros(2)}, CONFIG, "it")


def test_where_nothing_was_ever_masked() -> None:
    tensors = {theirs(name): tensor for name, tensor in original(BASE).state_dict().items()}
    del tensors["wav2vec2.masked_spec_embed"]
    assert hugging_face.convert(tensors, CONFIG, "it")["model"]["mask_emb"].tolist() == [0.0] * 32
