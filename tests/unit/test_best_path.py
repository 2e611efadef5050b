"""CTC's best path, by hand, and what of a model it needs."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from scripts.evaluate.transcribe import best_path, is_all_of

TOKENS = ["<blank>", "<unk>", "上", "海", "a", "<sos/eos>"]


def test_best_path_of_words() -> None:
    """As ESPnet's tokens2text: a boundary that repeats without a blank is one."""
    assert best_path([0, 2, 2, 3, 3, 0, 2], ["<blank>", "<unk>", "a", "<space>"]) == "a a"
    assert best_path([3, 2, 3, 0, 3, 2], ["<blank>", "<unk>", "a", "<space>"]) == " a  a"


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([], ""),
        ([0, 0, 0], ""),
        ([2], "上"),
        ([2, 2, 2], "上"),
        ([2, 0, 2], "上上"),  # a blank parts what is said twice
        ([0, 2, 2, 0, 0, 3, 3, 3, 0], "上海"),
        ([2, 3, 2, 2, 3], "上海上海"),
        ([2, 2, 0, 2, 3, 3, 0, 0, 4, 0, 4], "上上海aa"),
        ([1, 1, 2], "<unk>上"),
    ],
)
def test_best_path(frames: list[int], expected: str) -> None:
    assert best_path(frames, TOKENS) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, True),
        ({"frontend": "default", "input_size": None}, False),
        ({"normalize": "utterance_mvn"}, False),
        ({"postencoder": "hugging_face_transformers"}, False),
        ({"encoder": "conformer"}, False),
        ({"model": "pit_espnet"}, False),
        ({"use_adapter": True}, False),
        ({"specaug": "specaug", "decoder": "transformer"}, True),  # of training alone
    ],
)
def test_whether_encoder_and_head_are_all_that_decodes(other: dict[str, object], expected: bool) -> None:
    usual = {"encoder": "wav2vec2", "model": "espnet", "input_size": 2048, "frontend": None, "normalize": None}
    assert is_all_of(usual | {"preencoder": None, "postencoder": None, "use_adapter": False} | other) == expected
