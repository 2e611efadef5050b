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
from scripts.finetune.identity import FRAMES
from scripts.finetune.prepare_data import data_files, hours_of, vocabulary

ROWS = [
    ("A", "S1", "train", "wav/train/S1/A.wav", 16_000, "上海上"),
    ("B", "S1", "train", "wav/train/S1/B b.wav", 4240, "打开wi fi上"),
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
        "speech_shape": "A 16000\nB 4240\n",
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
    words += ["--source", tmp_path / "utterances.tsv", "--unusable", tmp_path / "unusable.tsv"]
    result = step("finetune.prepare_data", *words)
    assert (result.returncode, result.stderr) == (0, "")
    nothing_left_out = f"0 are too short to be trained on: {tmp_path / 'unusable.tsv'}\n"
    assert result.stdout == "10 tokens, 2 utterances to train on, 1 of dev\n" + nothing_left_out
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


@pytest.mark.slow
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
    words += ["--source", tmp_path / "utterances.tsv", "--unusable", tmp_path / "unusable.tsv"]
    result = step("finetune.prepare_data", *words, "--word-boundary")
    assert result.stdout.startswith("11 tokens, 2 utterances to train on, 1 of dev\n"), result.stderr
    assert (tmp_path / "data/train/text").read_text(encoding="utf-8").splitlines()[1] == "B 打开wi fi上"
    tokens = (tmp_path / "data/tokens.txt").read_text(encoding="utf-8").split("\n")
    assert tokens == ["<blank>", "<unk>", "上", "i", "<space>", "f", "w", "开", "打", "海", "<sos/eos>", ""]
    assert json.loads((tmp_path / "data.json").read_text())["made_from"]["word_boundary"] is True


@pytest.mark.parametrize("missing", ["train", "dev"])
def test_a_corpus_without_one_of_them_is_refused(tmp_path: Path, step, missing: str) -> None:
    write_utterances(table([row for row in ROWS if row[2] != missing]), tmp_path / "utterances.tsv")
    words = ["--utterances", tmp_path / "utterances.tsv", "--root", tmp_path, "--output", tmp_path / "data"]
    words += ["--source", tmp_path / "utterances.tsv", "--unusable", tmp_path / "unusable.tsv"]
    result = step("finetune.prepare_data", *words)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: {tmp_path / 'utterances.tsv'} has no utterance of {missing}: fine-tuning needs train and dev\n"
    )


# 400 samples are one frame, and each 320 more another one: 16,000 are 49
SHORT = [
    ("T0", "train", 399, "好"),  # too short for a frame
    ("T1", "train", 1600, "一二三四五六"),  # 4 frames for 6 tokens
    ("T2", "train", 400 + 319 + 320 * 11, "好"),  # 12 frames, where masks of 10 may cover all
    ("T3", "train", 400 + 320 * 12, "好"),  # 13
    ("T4", "train", 400 + 320 * 13, "谢谢谢谢谢谢谢谢"),  # 14 frames for 8 tokens and 7 blanks
    ("T5", "train", 400 + 320 * 14, "谢谢谢谢谢谢谢谢"),  # 15
    ("T6", "train", 16_000, "早"),
    ("D0", "dev", 100, "好"),
    ("D1", "dev", 400, "好"),  # nothing is masked
    ("D2", "dev", 719, "好好"),  # 1 frame for 2 tokens and a blank
    ("X0", "test", 1, "好"),  # ESPnet does not hear it
]


def short_rows(*names: str) -> list[tuple]:
    return [(u, "S", subset, f"{u}.wav", n, said) for u, subset, n, said in SHORT if not names or u in names]


def prepare(tmp_path: Path, step, rows: list[tuple], *options: object):
    write_utterances(table(rows), tmp_path / "utterances.tsv")
    words = ["--utterances", tmp_path / "utterances.tsv", "--root", tmp_path, "--output", tmp_path / "data"]
    words += ["--source", tmp_path / "utterances.tsv", "--unusable", tmp_path / "unusable.tsv"]
    return step("finetune.prepare_data", *words, *options)


def test_what_is_too_short_is_left_out_with_its_reason(tmp_path: Path, step) -> None:
    result = prepare(tmp_path, step, short_rows())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == f"6 are too short to be trained on: {tmp_path / 'unusable.tsv'}"
    assert (tmp_path / "unusable.tsv").read_text(encoding="utf-8").splitlines() == [
        "utterance\tsubset\treason",
        "D0\tdev\t100 samples: the encoder hears 400 for a frame",
        "D2\tdev\t1 frames: CTC needs 3 for 2 tokens",
        "T0\ttrain\t399 samples: the encoder hears 400 for a frame",
        "T1\ttrain\t4 frames: CTC needs 6 for 6 tokens",
        "T2\ttrain\t12 frames: masks of 10 need 13",
        "T4\ttrain\t14 frames: CTC needs 15 for 8 tokens",
    ]
    heard = {name: (tmp_path / f"data/{name}/text").read_text(encoding="utf-8") for name in ("train", "dev")}
    assert heard == {"train": "T3 好\nT5 谢谢谢谢谢谢谢谢\nT6 早\n", "dev": "D1 好\n"}
    tokens = (tmp_path / "data/tokens.txt").read_text(encoding="utf-8").split()
    assert tokens[2:-1] == ["谢", "好", "早"]  # none of what nobody trains on


def test_frames_and_masks_of_other_encoders(tmp_path: Path, step) -> None:
    """1 s has 9 frames of 200 ms every 100 ms; without masks a frame is enough."""
    options = ["--receptive-field-ms", 200, "--stride-ms", 100, "--mask-frames", 0]
    rows = [*short_rows("T3", "T6", "D1"), ("D3", "S", "dev", "D3.wav", 16_000, "一二三四五六七八九十")]
    rows.append(("D4", "S", "dev", "D4.wav", 16_000, "一二三四五六七八九"))
    result = prepare(tmp_path, step, rows, *options)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "data/train/text").read_text(encoding="utf-8") == "T3 好\nT6 早\n"
    left_out = (tmp_path / "unusable.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert left_out == [
        "D1\tdev\t400 samples: the encoder hears 3200 for a frame",
        "D3\tdev\t9 frames: CTC needs 10 for 10 tokens",
    ]
    made_from = json.loads((tmp_path / "data.json").read_text())["made_from"]
    assert {key: made_from[key] for key in FRAMES} == dict(zip(FRAMES, (200, 100, 0), strict=True))


def test_a_word_boundary_is_a_token_that_takes_a_frame(tmp_path: Path, step) -> None:
    """12 characters with 2 spaces between them need 12 frames or 14 of the 13 that there are."""
    rows = [*short_rows("T6", "D1"), ("T9", "S", "train", "T9.wav", 400 + 320 * 12, "abcd efgh ijkl")]
    for options, left_out in (([], 0), (["--word-boundary"], 1)):
        result = prepare(tmp_path, step, rows, *options)
        assert result.stdout.splitlines()[-1].startswith(f"{left_out} are too short"), result.stderr


@pytest.mark.parametrize(("name", "subset", "reason"), [("T0", "train", "399 samples"), ("D0", "dev", "100 samples")])
def test_nothing_but_what_is_too_short(tmp_path: Path, step, name: str, subset: str, reason: str) -> None:
    other = "D1" if subset == "train" else "T6"
    result = prepare(tmp_path, step, short_rows(name, other))
    assert result.returncode == 1
    why = f"{reason}: the encoder hears 400 for a frame"
    assert result.stderr == (
        f"error: {tmp_path / 'utterances.tsv'} has no usable utterance of {subset} ({why}): "
        "fine-tuning needs train and dev\n"
    )


def test_a_test_set_that_is_not_there_is_told_before_anything_is_trained(tmp_path: Path, step) -> None:
    rows = [*short_rows("T6", "D1", "X0"), ("Y0", "S", "test-other", "Y0.wav", 16_000, "好")]
    assert prepare(tmp_path, step, rows, "--tests", "test", "test-other").returncode == 0
    result = prepare(tmp_path, step, rows, "--tests", "test", "test-clean")
    assert result.returncode == 1 and result.stderr == (
        f"error: {tmp_path / 'utterances.tsv'} has no utterance of test-clean (it has dev, test, test-other, train): "
        "correct test of the task\n"
    )
