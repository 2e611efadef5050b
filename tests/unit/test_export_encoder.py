"""A checkpoint of pre-training as transformers has it computes what fairseq computes, or nothing is written."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")
if find_spec("transformers") is None:
    pytest.skip("transformers is not installed (workflow/envs/export.yaml)", allow_module_level=True)

from scripts.common.errors import StepError  # noqa: E402
from scripts.export import card, export_encoder, hand_over_encoder, stock  # noqa: E402
from scripts.export.handed_over import Model, Utterance  # noqa: E402
from scripts.export.translated import HEADS, config_of, tensors_of  # noqa: E402
from tests.unit.test_hugging_face import BASE, LARGE  # noqa: E402
from tests.unit.wav2vec2 import fairseq_model  # noqa: E402


def handed_over(settings: dict[str, object], has_heads: bool) -> Model:
    model = fairseq_model(settings)
    signals = hand_over_encoder.signals()
    expected = {name: hand_over_encoder.outputs_of(model, signal, has_heads) for name, signal in signals.items()}
    tensors = tensors_of(model.state_dict(), "it")
    weights = {name if name.startswith(HEADS) else f"wav2vec2.{name}": tensors[name] for name in tensors}
    if not has_heads:
        weights = {name: weights[name] for name in weights if not name.startswith(HEADS)}
    utterances = [Utterance(name) for name in signals]
    return Model(config_of(model.cfg), [], False, utterances, {}, weights, signals, expected)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [BASE, LARGE], ids=["base", "large"])
@pytest.mark.parametrize("what", ["pretraining", "encoder"])
def test_transformers_computes_what_fairseq_computes(what: str, settings: dict[str, object], tmp_path: Path) -> None:
    found = export_encoder.export(what, handed_over(settings, what == "pretraining"), tmp_path)
    assert found.keys() == ({"hidden"} if what == "encoder" else {"hidden", "predicted", "quantized"})
    assert max(found.values()) < 2e-5
    assert {"config.json", "model.safetensors", "preprocessor_config.json"} <= {p.name for p in tmp_path.iterdir()}
    assert type(stock.load("encoder", tmp_path)).__name__ == "Wav2Vec2Model"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quantizer.codevectors", "project_hid.bias", "wav2vec2.encoder.layer_norm.bias"])
def test_another_model_is_refused(name: str, tmp_path: Path) -> None:
    handed = handed_over(BASE, has_heads=True)
    handed.weights[name] = handed.weights[name] + 0.01
    with pytest.raises(StepError, match=r"^transformers \(\w+\) makes numbers that differ"):
        export_encoder.export("pretraining", handed, tmp_path)


def test_a_tensor_that_is_missing_is_not_made_up(tmp_path: Path) -> None:
    handed = handed_over(BASE, has_heads=True)
    del handed.weights["project_q.bias"]
    with pytest.raises(RuntimeError, match=r"project_q\.bias"):
        export_encoder.export("pretraining", handed, tmp_path)


def test_a_code_that_the_last_bit_decides_is_not_compared() -> None:
    model = fairseq_model(BASE)
    half = model.quantizer.weight_proj.weight.shape[0] // 2
    with torch.no_grad():  # two codes of the first group are the same in every frame
        model.quantizer.weight_proj.weight[:half] = 0
        model.quantizer.weight_proj.bias[:half] = 0
    signal = hand_over_encoder.signals()["0.6 s"]
    found = hand_over_encoder.outputs_of(model, signal, has_heads=True)
    assert np.isnan(found["quantized"]).all() and np.isfinite(found["predicted"]).all()
    handed = handed_over(BASE, has_heads=True)
    assert not any(np.isnan(outputs["quantized"]).all() for outputs in handed.expected.values())


def test_a_checkpoint_is_told_from_another_architecture() -> None:
    model = fairseq_model(BASE)
    settings = {key: getattr(model.cfg, key) for key in model.cfg}
    state = {"cfg": {"model": settings}, "model": model.state_dict() | {"more": torch.zeros(1)}}
    with pytest.raises(StepError, match=r"^it is no wav2vec 2\.0 of the architecture that it names \(more\)"):
        hand_over_encoder.fairseq_model(state, "it")
    del state["model"]["more"], state["model"]["final_proj.weight"]
    assert hand_over_encoder.fairseq_model(state, "it").cfg.encoder_layers == 2


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pretraining", "encoder"])
def test_the_lines_of_the_card_run(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand there: what it makes of speech, and an update of a recogniser that begins with it."""
    monkeypatch.chdir(tmp_path)
    handed = handed_over(BASE, what == "pretraining")
    figures = {"allowed": 1e-4, "transformers": {"largest_difference": export_encoder.export(what, handed, tmp_path)}}
    use, fine_tune = re.findall(r"```python\n(.*?)```", card.card("mine", what, handed, figures), re.DOTALL)
    stock.transformers()  # as in an environment of its own, where no torchaudio stands in its way
    known = {"DIR": str(tmp_path), "speech": handed.samples["0.6 s"].astype(np.float32) / 32768}
    exec(use, known)
    assert known["hidden"].shape[::2] == (1, handed.config["hidden_size"])
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2, "一": 3, "二": 4}))
    exec(fine_tune, known)
    model, processor = known["model"].train(), known["processor"]
    assert (model.config.mask_time_prob, model.config.vocab_size) == (0.05, 5)
    batch = processor(known["speech"], sampling_rate=16000, return_tensors="pt")
    labels = torch.tensor([processor.tokenizer("一二").input_ids])
    assert labels.tolist() == [[3, 4]]
    loss = model(**batch, labels=labels).loss
    loss.backward()
    assert loss > 0 and all(p.grad is None for p in model.wav2vec2.feature_extractor.parameters())
    assert model.lm_head.weight.grad.abs().sum() > 0


@pytest.mark.slow
def test_an_encoder_says_the_masks_of_fine_tuning(tmp_path: Path) -> None:
    for what, expected in (("encoder", 0.05), ("pretraining", fairseq_model(BASE).cfg.mask_prob)):
        export_encoder.export(what, handed_over(BASE, what == "pretraining"), tmp_path / what)
        config = json.loads((tmp_path / what / "config.json").read_text())
        assert config["mask_time_prob"] == pytest.approx(expected)
