"""What ESPnet trains from."""

import json
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.errors import StepError
from scripts.common.tables import UTTERANCE_COLUMNS, write_utterances
from scripts.finetune.prepare_data import data_files, hours_of, vocabulary

ROWS = [
    ("A", "S1", "train", "wav/train/S1/A.wav", 16_000, "上海上"),
    ("B", "S1", "train", "wav/train/S1/B b.wav", 320, "打开wi fi上"),
    ("C", "S2", "dev", "wav/dev/S2/C.wav", 48_000, "北京"),
    ("D", "S3", "test", "wav/test/S3/D.wav", 48_000, "天津"),
]


def table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=UTTERANCE_COLUMNS)


def test_tokens_by_frequency_then_by_code_point() -> None:
    """上 3, i 2, then once each: f U+0066, w U+0077, 开 U+5F00, 打 U+6253, 海 U+6D77; a space is no token."""
    expected = ["<blank>", "<unk>", "上", "i", "f", "w", "开", "打", "海", "<sos/eos>"]
    assert vocabulary(pd.Series(["上海上", "打开wi fi上"]), word_boundary=False) == expected
    assert vocabulary(pd.Series(["打开wi fi上", "上海上"]), word_boundary=False) == expected
    assert vocabulary(pd.Series([], dtype=str), word_boundary=False) == ["<blank>", "<unk>", "<sos/eos>"]


def test_a_word_boundary_is_a_token_by_its_frequency() -> None:
    """a 4; a space and n twice; once each: r U+0072, é U+00E9."""
    transcripts = pd.Series(["an aé", "na r a"])
    expected = ["<blank>", "<unk>", "a", "<space>", "n", "r", "é", "<sos/eos>"]
    assert vocabulary(transcripts, word_boundary=True) == expected
    assert vocabulary(pd.Series(["上海", "北京"]), word_boundary=True) == vocabulary(pd.Series(["上海", "北京"]), False)


def test_files_by_hand(tmp_path: Path) -> None:
    assert data_files(table(ROWS[:2]), tmp_path, 10, word_boundary=False) == {
        "wav.scp": f"A {tmp_path}/wav/train/S1/A.wav\nB {tmp_path}/wav/train/S1/B b.wav\n",
        "text": "A 上海上\nB 打开wifi上\n",
        "speech_shape": "A 16000\nB 320\n",
        "text_shape.char": "A 3,10\nB 7,10\n",
    }


def test_files_with_words_by_hand(tmp_path: Path) -> None:
    files = data_files(table(ROWS[:2]), tmp_path, 11, word_boundary=True)
    assert files["text"] == "A 上海上\nB 打开wi fi上\n"
    assert files["text_shape.char"] == "A 3,11\nB 8,11\n"


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    line = data_files(table(ROWS[2:3]), Path("corpora/data_aishell"), 10, False)["wav.scp"]
    assert line == f"C {tmp_path}/corpora/data_aishell/wav/dev/S2/C.wav\n"


def test_command_line(tmp_path: Path, step) -> None:
    write_utterances(table(ROWS), tmp_path / "utterances.tsv")
    words = ["--utterances", tmp_path / "utterances.tsv", "--root", tmp_path, "--output", tmp_path / "data"]
    words += ["--source", tmp_path / "utterances.tsv"]
    result = step("finetune.prepare_data", *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "10 tokens, 2 utterances to train on, 1 of dev\n"
    made = {str(path.relative_to(tmp_path / "data")) for path in (tmp_path / "data").rglob("*") if path.is_file()}
    names = ("wav.scp", "text", "speech_shape", "text_shape.char")
    assert made == {"tokens.txt", *(f"{subset}/{name}" for subset in ("train", "dev") for name in names)}
    tokens = (tmp_path / "data" / "tokens.txt").read_text(encoding="utf-8").split("\n")
    assert tokens == ["<blank>", "<unk>", "上", "i", "f", "w", "开", "打", "海", "<sos/eos>", ""]
    assert (tmp_path / "data" / "dev" / "text_shape.char").read_text() == "C 2,10\n"


def test_hours_are_taken_of_all_speakers_alike() -> None:
    """Three speakers, one of whom has half of everything: of an hour each gives a third, to an utterance."""
    rows = [(f"{s}{i:03}", s, "train", f"{s}{i}.wav", 16_000 * 60, "好") for s, n in SPEAKERS for i in range(n)]
    part = hours_of(table(rows), 1)
    assert part["samples"].sum() == 3600 * 16_000
    assert part.groupby("speaker").size().to_dict() == {"S1": 20, "S2": 20, "S3": 20}
    assert part["utterance"].is_monotonic_increasing  # as they are listed


SPEAKERS = [("S1", 100), ("S2", 50), ("S3", 50)]
UTTERANCES = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 600)), min_size=3, max_size=40)


@given(UTTERANCES, st.integers(0, 2**32), st.floats(0.2, 1), st.floats(0.2, 1))
def test_smaller_parts_lie_within_larger_ones_whatever_the_order(
    utterances, seed: int, one: float, other: float
) -> None:
    rows = [(f"U{i}", speaker, "train", "", seconds * 16_000, "好") for i, (speaker, seconds) in enumerate(utterances)]
    hours = sum(seconds for _, seconds in utterances) / 3600
    try:
        smaller, larger = (hours_of(table(rows), hours * share) for share in sorted((one, other)))
    except StepError:
        return  # less than one utterance
    assert set(smaller["utterance"]) <= set(larger["utterance"])
    again = hours_of(table(random.Random(seed).sample(rows, len(rows))), hours * max(one, other))
    assert set(again["utterance"]) == set(larger["utterance"])
    assert larger["samples"].sum() / 16_000 <= hours * max(one, other) * 3600 + 1


def test_more_hours_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"train_hours is 2, but train has 0\.00 h: set it lower, or leave it out"):
        hours_of(table(ROWS[:2]), 2)
    with pytest.raises(StepError, match="less than one utterance"):
        hours_of(table(ROWS[:1]), 1e-6)


def test_command_line_with_words(tmp_path: Path, step) -> None:
    write_utterances(table(ROWS), tmp_path / "utterances.tsv")
    words = ["--utterances", tmp_path / "utterances.tsv", "--root", tmp_path, "--output", tmp_path / "data"]
    words += ["--source", tmp_path / "utterances.tsv"]
    result = step("finetune.prepare_data", *words, "--word-boundary")
    assert result.stdout == "11 tokens, 2 utterances to train on, 1 of dev\n", result.stderr
    assert (tmp_path / "data/train/text").read_text(encoding="utf-8").splitlines()[1] == "B 打开wi fi上"
    tokens = (tmp_path / "data/tokens.txt").read_text(encoding="utf-8").split("\n")
    assert tokens == ["<blank>", "<unk>", "上", "i", "<space>", "f", "w", "开", "打", "海", "<sos/eos>", ""]
    assert json.loads((tmp_path / "data.json").read_text())["made_from"]["word_boundary"] is True


@pytest.mark.parametrize("missing", ["train", "dev"])
def test_a_corpus_without_one_of_them_is_refused(tmp_path: Path, step, missing: str) -> None:
    write_utterances(table([row for row in ROWS if row[2] != missing]), tmp_path / "utterances.tsv")
    words = ["--utterances", tmp_path / "utterances.tsv", "--root", tmp_path, "--output", tmp_path / "data"]
    words += ["--source", tmp_path / "utterances.tsv"]
    result = step("finetune.prepare_data", *words)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: {tmp_path / 'utterances.tsv'} has no utterance of {missing}: fine-tuning needs train and dev\n"
    )
