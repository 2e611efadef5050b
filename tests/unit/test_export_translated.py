"""Wav2vec 2.0 of fairseq's under transformers' names, and back again by what reads checkpoints of Hugging Face."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")

from scripts.common.errors import StepError  # noqa: E402
from scripts.export import translated  # noqa: E402
from scripts.pretrain import hugging_face  # noqa: E402
from tests.unit.test_hugging_face import BASE, LARGE  # noqa: E402
from tests.unit.wav2vec2 import fairseq_model  # noqa: E402

ARCHITECTURES = pytest.mark.parametrize("settings", [BASE, LARGE], ids=["base", "large"])


@ARCHITECTURES
def test_what_is_translated_is_read_back_to_the_bit(settings: dict[str, object]) -> None:
    model = fairseq_model(settings)
    tensors = translated.tensors_of(model.state_dict(), "it")
    assert "encoder.pos_conv_embed.conv.parametrizations.weight.original0" in tensors  # as transformers 5 has it
    back = hugging_face.convert(tensors, translated.config_of(model.cfg), "it")
    assert back["model"].keys() == model.state_dict().keys()
    assert all(torch.equal(back["model"][name], tensor) for name, tensor in model.state_dict().items())
    for key, value in settings.items():
        if key == "conv_feature_layers":
            assert eval(back["cfg"]["model"][key]) == eval(value)
        else:
            assert back["cfg"]["model"][key] == value, key


@ARCHITECTURES
def test_a_checkpoint_says_the_same_as_the_model_that_it_is_of(settings: dict[str, object]) -> None:
    model = fairseq_model(settings)
    saved = {key: getattr(model.cfg, key) for key in model.cfg}
    assert translated.config_of(saved) == translated.config_of(model.cfg)


def test_widths_that_follow_from_others() -> None:
    config = translated.config_of(fairseq_model(BASE | {"final_dim": 0, "latent_dim": 0}).cfg)
    assert (config["proj_codevector_dim"], config["codevector_dim"]) == (32, 32)


def test_what_has_no_place_is_named() -> None:
    with pytest.raises(StepError, match=r"^it has target_glu.0.weight, which transformers' wav2vec 2.0 has not"):
        translated.tensors_of({"target_glu.0.weight": torch.zeros(1)}, "it")
