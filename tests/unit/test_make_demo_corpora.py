"""The demo's corpora: formats, disjoint speakers, leaked transcripts, and the same bytes from the same seed."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader", reason="espeakng-loader (workflow/envs/demo.yaml) is not installed")
pytest.importorskip("pypinyin", reason="pypinyin (workflow/envs/demo.yaml) is not installed")

from scripts.common.audio import look_at
from scripts.common.errors import StepError
from scripts.corpora.demo_voices import draw_voices, pinyin
from scripts.corpora.make_demo_corpora import make_corpora, plan_corpora

SCALE = 0.05  # 30 + 30 utterances for pre-training, 10 + 8 + 8 for fine-tuning


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("demo") / "corpora"
    make_corpora(output, seed=1, scale=SCALE)
    return output


@pytest.mark.slow
@pytest.mark.parametrize("root", ["AISHELL-2", "English"])
def test_aishell2_lists_are_tab_separated_and_name_every_wav(corpora: Path, root: str) -> None:
    folder = corpora / root / "iOS/data"
    scp, texts, speakers = (
        [line.split("\t") for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("wav.scp", "trans.txt", "spk_info.txt")
    )
    assert len(scp) == 30
    assert [row[0] for row in scp] == [row[0] for row in texts] == sorted(row[0] for row in scp)
    assert {row[1] for row in scp} == {p.relative_to(folder).as_posix() for p in folder.rglob("*.wav")}
    for utterance, path in scp:
        speaker = f"C{utterance[2:6]}"
        assert (utterance[:2], utterance[6]) == ("IC", "W")
        assert path == f"wav/{speaker}/{utterance}.wav"
    assert {f"C{row[0][2:6]}" for row in scp} == {row[0] for row in speakers}
    assert all(len(row) == 4 for row in speakers)


@pytest.mark.slow
def test_aishell1_lists_name_every_wav_and_speakers_are_disjoint(corpora: Path) -> None:
    folder = corpora / "data_aishell"
    lines = (folder / "transcript/aishell_transcript_v0.8.txt").read_text(encoding="utf-8").splitlines()
    wavs = {path.stem: path.relative_to(folder).parts for path in folder.rglob("*.wav")}
    assert {line.split(" ")[0] for line in lines} == set(wavs)
    assert all(len(word) == 1 for line in lines for word in line.split(" ")[1:])
    speakers = {subset: {p[2] for p in wavs.values() if p[1] == subset} for subset in ("train", "dev", "test")}
    assert all(speakers.values())
    assert not speakers["train"] & speakers["dev"]
    assert not speakers["train"] & speakers["test"]
    assert not speakers["dev"] & speakers["test"]
    assert all(name[6:11] == parts[2] for name, parts in wavs.items())
    listed = (folder / "resource_aishell/speaker.info").read_text(encoding="utf-8").splitlines()
    assert {f"S{line.split(' ')[0]}" for line in listed} == set().union(*speakers.values())


@pytest.mark.slow
def test_every_wav_is_16_khz_mono_16_bit_and_holds_speech(corpora: Path) -> None:
    for path in corpora.rglob("*.wav"):
        found = look_at(path)
        assert found.is_plain and 0.3 * 16_000 < found.frames < 10 * 16_000


def test_some_pretraining_transcripts_occur_in_dev_or_test() -> None:
    plans = plan_corpora(seed=3, scale=1.0)
    heldout = {utterance.transcript for utterance in plans["dev"] + plans["test"]}
    assert sum(utterance.transcript in heldout for utterance in plans["mandarin"]) == 12
    assert not any(utterance.transcript in heldout for utterance in plans["english"])


@pytest.mark.slow
def test_same_seed_same_bytes_whatever_the_number_of_processes(corpora: Path, tmp_path: Path) -> None:
    make_corpora(tmp_path / "again", seed=1, scale=SCALE, processes=1)
    assert digests(tmp_path / "again") == digests(corpora)


def test_another_seed_gives_other_sentences_and_voices() -> None:
    one, two = plan_corpora(seed=1, scale=SCALE), plan_corpora(seed=2, scale=SCALE)
    for name in one:
        assert [u.transcript for u in one[name]] != [u.transcript for u in two[name]]
        assert [u.voice for u in one[name]] != [u.voice for u in two[name]]


def test_a_directory_with_foreign_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data_aishell").mkdir()
    (tmp_path / "data_aishell/mine.txt").write_text("irreplaceable")
    with pytest.raises(StepError, match="not the demo's corpora"):
        make_corpora(tmp_path, seed=1, scale=SCALE)
    assert (tmp_path / "data_aishell/mine.txt").read_text() == "irreplaceable"


@pytest.mark.slow
def test_an_earlier_set_is_replaced(tmp_path: Path) -> None:
    output = tmp_path / "corpora"
    make_corpora(output, seed=1, scale=0.01)
    first = digests(output)
    make_corpora(output, seed=2, scale=0.01)
    assert digests(output).keys() == first.keys()
    assert digests(output) != first
    assert [path.name for path in tmp_path.iterdir()] == ["corpora"]


def test_voices_of_one_draw_are_all_different() -> None:
    voices = draw_voices(40, np.random.default_rng(5))
    assert len(set(voices)) == 40
    assert len({voice.variant for voice in voices[:18]}) == 18


def test_pinyin_numbers_the_tones() -> None:
    assert pinyin("零一二三点") == "ling2 yi1 er4 san1 dian3"
