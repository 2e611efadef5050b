"""Stock transformers and ONNX say what ESPnet says, or nothing is written."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")
for package in ("transformers", "onnx", "onnxruntime"):  # not imported here: it takes seconds
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed (workflow/envs/export.yaml)", allow_module_level=True)

from scripts.common.errors import StepError  # noqa: E402
from scripts.export import export_recogniser, folders, handed_over, onnx_models, parity, stock  # noqa: E402
from scripts.export.handed_over import Model, waveform  # noqa: E402
from tests.unit import exported  # noqa: E402
from tests.unit.exported import TOKENS, WORDS  # noqa: E402
from tests.unit.test_hugging_face import BASE, LARGE  # noqa: E402

RECOGNISERS = {
    "base": (BASE, TOKENS, {}),
    "large": (LARGE, TOKENS, {}),
    "words": (BASE, WORDS, {}),
    "another width": (BASE, TOKENS, {"output_size": 20}),
    "half the width": (BASE, TOKENS, {"output_size": 16}),
    "no norm": (BASE, TOKENS, {"normalize_before": False}),
    "no norm, another width": (BASE, TOKENS, {"normalize_before": False, "output_size": 20}),
}


@cache
def recogniser(name: str) -> Model:
    """One of these, handed over; not to be changed."""
    settings, tokens, more = RECOGNISERS[name]
    return exported.handed_over(settings, tokens, **more)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a recogniser with words."""
    folder = tmp_path_factory.mktemp("words")
    export_recogniser.export(recogniser("words"), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", RECOGNISERS)
def test_transformers_says_what_espnet_says(name: str, tmp_path: Path) -> None:
    handed = recogniser(name)
    assert len({utterance.heard for utterance in handed.utterances}) > 1
    stock.save(stock.build("recogniser", handed), handed, tmp_path)
    found = export_recogniser.of_transformers(handed, tmp_path)
    assert 0 < found["largest_difference"] < parity.LARGEST and found["differing_texts"] == []


def test_what_is_published(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert {"config.json", "model.safetensors", "vocab.json", "preprocessor_config.json", "tokens.txt"} <= names
    assert {"model.onnx", "model.int8.onnx", "tokenizer_config.json"} <= names
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in written.iterdir())
    assert (written / "model.int8.onnx").stat().st_size < (written / "model.onnx").stat().st_size
    lines = (written / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{'<blk>' if token == '<blank>' else token} {number}" for number, token in enumerate(WORDS)]
    extractor = json.loads((written / "preprocessor_config.json").read_text())
    assert (extractor["do_normalize"], extractor["return_attention_mask"], extractor["sampling_rate"]) == (
        False,
        False,
        16000,
    )


def test_a_pipeline_hears_the_same(written: Path) -> None:
    handed = recogniser("words")
    pipeline = stock.transformers().pipeline("automatic-speech-recognition", str(written))
    heard = [pipeline(waveform(handed.samples[utterance.name]))["text"] for utterance in handed.utterances]
    assert heard == [utterance.heard.strip() for utterance in handed.utterances]
    assert any(" " in text for text in heard)


def test_onnx_takes_any_batch_and_length(written: Path) -> None:
    handed = recogniser("words")
    session = onnx_models.Session(written / "model.onnx")
    both = np.stack([waveform(samples[:9000]) for samples in handed.samples.values()])
    together = session(both)
    assert together.shape[0] == len(both) and together.shape[2] == len(WORDS)
    alone = [session(samples[None])[0] for samples in both]
    assert np.abs(together - alone).max() < 1e-4
    assert np.allclose(np.exp(together).sum(-1), 1, atol=1e-5)


def test_what_is_spelt_with_words_can_be_learnt_on(written: Path) -> None:
    """Texts become the numbers of the model's own tokens, and come back."""
    tokenizer = stock.processor(written).tokenizer
    numbers = tokenizer("甲 AB").input_ids
    assert [WORDS[number] for number in numbers] == ["甲", "<space>", "A", "B"]
    assert tokenizer.decode(numbers) == "甲 AB"


@pytest.mark.parametrize("tokens", [TOKENS, WORDS, [*WORDS[:-1], "|", "<sos/eos>"]], ids=["", "words", "a bar"])
def test_the_vocabulary_is_the_models(tokens: list[str], tmp_path: Path) -> None:
    """And no token is added, for which the model has no number."""
    stock.tokenizer_of(tokens, tmp_path / "vocab.json").save_pretrained(tmp_path)
    loaded = stock.transformers().Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert sorted(loaded.get_vocab().values()) == list(range(len(tokens)))
    assert max(loaded("甲 乙,A").input_ids) < len(tokens)


@pytest.mark.parametrize(
    ("name", "by", "said"),
    [("lm_head.bias", 2e-4, r"differ by 0\.000[12]"), ("wav2vec2.encoder.layer_norm.bias", 0.01, "differ by")],
)
def test_another_model_is_not_published(name: str, by: float, said: str, tmp_path: Path) -> None:
    handed = exported.handed_over(BASE)
    exported.changed(handed, name, by)
    with pytest.raises(StepError, match=said), folders.whole(tmp_path / "export") as folder:
        export_recogniser.export(handed, folder)
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_that_is_another_model_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though that of transformers is right."""
    right = onnx_models.WithSoftmax.forward
    monkeypatch.setattr(onnx_models.WithSoftmax, "forward", lambda self, x: 1.001 * right(self, x))
    with pytest.raises(StepError, match=r"^onnx makes numbers that differ by"), folders.whole(tmp_path / "e") as folder:
        export_recogniser.export(exported.handed_over(BASE, seconds=1), folder)
    assert list(tmp_path.iterdir()) == []


def test_another_text_is_not_published(tmp_path: Path) -> None:
    handed = exported.handed_over(BASE)
    handed.utterances[2] = handed_over.Utterance("2.3 s", "甲乙", "乙甲乙甲")
    with pytest.raises(StepError, match=r"^transformers hears something else .* in 1 utterances.* 2\.3 s"):
        export_recogniser.export(handed, tmp_path)


def test_padding_changes_what_base_models_say(written: Path) -> None:
    """What the model card warns of: the first layer's group norm runs over time."""
    handed = recogniser("words")
    session = onnx_models.Session(written / "model.onnx")
    speech = waveform(handed.samples["0.6 s"])[None]
    padded = np.concatenate([speech, np.zeros_like(speech)], 1)
    frames = session(speech)[0]
    assert np.abs(session(padded)[0][: len(frames) - 2] - frames[:-2]).max() > 0.01


def test_what_was_handed_over_is_read_back(tmp_path: Path) -> None:
    handed = recogniser("base")
    handed.write(tmp_path)
    back = handed_over.read(tmp_path)
    assert (back.config, back.tokens, back.utterances) == (handed.config, handed.tokens, handed.utterances)
    assert all(torch.equal(back.weights[name], tensor) for name, tensor in handed.weights.items())
    assert parity.largest_difference(back.expected["1.0 s"], handed.expected["1.0 s"]) == 0
    with (tmp_path / "weights.pt").open("ab") as file:
        file.write(b"more")
    with pytest.raises(StepError, match=r"weights\.pt is not the file that model\.json"):
        handed_over.read(tmp_path)


@pytest.mark.slow
def test_base_of_the_published_size(tmp_path: Path) -> None:
    """95 million parameters of fairseq's own defaults, which are the published architecture."""
    handed = exported.handed_over({"quantize_targets": True, "final_dim": 256}, seconds=2)
    assert 94e6 < sum(tensor.numel() for tensor in handed.weights.values()) < 97e6
    with folders.whole(tmp_path / "export") as folder:
        found = export_recogniser.export(handed, folder)
    assert found["transformers"]["largest_difference"] < parity.LARGEST
    assert found["onnx"]["largest_difference"] < found["onnx"]["allowed"] < 10 * parity.LARGEST
