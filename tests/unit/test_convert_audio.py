"""Converting a corpus: what was listed is made, what a kill has left is taken up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.common.tables import UTTERANCE_COLUMNS, read_table

REPOSITORY = Path(__file__).resolve().parents[2]
IDS = [f"{'AB'[i % 2]}{i:02}" for i in range(20)]  # pieces of two recordings, in turn


@pytest.fixture
def corpus(tmp_path: Path, step) -> Path:
    """A Kaldi directory with segments of two recordings at 44.1 kHz, listed."""
    for name in "AB":
        soundfile_of = np.random.default_rng(ord(name)).standard_normal((44_100 * 10, 2)) / 8
        (tmp_path / "train").mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.flac", soundfile_of, 44_100)
    lines = {
        "wav.scp": [f"{name} {name}.flac" for name in "AB"],
        "text": [f"{name} 好" for name in IDS],
        "segments": [f"{name} {name[0]} {i // 2} {i // 2 + 0.5 + i / 100}" for i, name in enumerate(IDS)],
    }
    for name, content in lines.items():
        (tmp_path / "train" / name).write_text("".join(f"{line}\n" for line in content))
    paths = [word for name in ("utterances", "rejected", "heldout") for word in (f"--{name}", tmp_path / f"{name}.tsv")]
    result = step("corpora.list_utterances", "--format", "kaldi", "--root", tmp_path, "--convert", *paths)
    assert result.returncode == 0, result.stderr
    return tmp_path


def words(corpus: Path, output: Path) -> list[object]:
    listed = ["--format", "kaldi", "--root", corpus, "--utterances", corpus / "utterances.tsv"]
    return [*listed, "--threads", 2, "--output", output]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.wav")}


def test_every_wav_is_as_long_as_listed(corpus: Path, step) -> None:
    result = step("corpora.convert_audio", *words(corpus, corpus / "audio"))
    assert (result.returncode, result.stdout) == (0, f"20 wavs in {corpus / 'audio'}\n"), result.stderr
    utterances = read_table(corpus / "utterances.tsv", UTTERANCE_COLUMNS)
    assert set(utterances["path"]) == bytes_of(corpus / "audio").keys() and len(utterances) == 20
    for row in utterances.itertuples():
        info = soundfile.info(corpus / "audio" / row.path)
        assert (info.frames, info.samplerate, info.channels, info.subtype) == (row.samples, 16_000, 1, "PCM_16")
        assert row.samples == round(0.5 * 16_000 + int(row.utterance[1:]) * 160)
    made = json.loads((corpus / "audio.json").read_text())
    listed = json.loads((corpus / "utterances.json").read_text())
    assert made["made_from"]["audio"] == listed["audio"] and made["audio"].keys() == {"train"}
    assert not (corpus / "audio.unfinished").exists()


@pytest.mark.slow
def test_a_kill_loses_what_was_in_work_alone_and_changes_no_byte(corpus: Path, step) -> None:
    command = [sys.executable, "-m", "scripts.corpora.convert_audio", *map(str, words(corpus, corpus / "killed"))]
    process = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, stderr=subprocess.DEVNULL)
    unfinished = corpus / "killed.unfinished"
    while process.poll() is None and not list(unfinished.rglob("*.wav")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = {path: path.stat().st_ino for path in unfinished.rglob("*.wav") if not path.name.startswith(".")}
    some = next(iter(left))
    some.write_bytes(b"")  # as after a power cut
    result = step("corpora.convert_audio", *words(corpus, corpus / "killed"))
    assert result.returncode == 0, result.stderr
    kept = {
        path
        for path, inode in left.items()
        if (corpus / "killed" / path.relative_to(unfinished)).stat().st_ino == inode
    }
    assert kept == left.keys() - {some}
    assert step("corpora.convert_audio", *words(corpus, corpus / "whole")).returncode == 0
    assert bytes_of(corpus / "killed") == bytes_of(corpus / "whole")


@pytest.mark.slow
def test_what_was_begun_for_another_list_is_not_taken_up(corpus: Path, step) -> None:
    (corpus / "audio.unfinished/00").mkdir(parents=True)
    (corpus / "audio.unfinished/00/A00.wav").write_bytes(b"other")
    (corpus / "audio.unfinished/made-from.json").write_text("{}")
    assert step("corpora.convert_audio", *words(corpus, corpus / "audio")).returncode == 0
    assert len(bytes_of(corpus / "audio")) == 20


@pytest.mark.slow
def test_of_two_entries_with_one_id_the_one_that_was_listed_is_converted(corpus: Path, step) -> None:
    """Two subsets have it; the audio of the first is not there."""
    (corpus / "dev").mkdir()
    (corpus / "dev/wav.scp").write_text("A00 gone.flac\n")
    (corpus / "dev/text").write_text("A00 好\n")
    paths = [word for name in ("utterances", "rejected", "heldout") for word in (f"--{name}", corpus / f"{name}.tsv")]
    assert step("corpora.list_utterances", "--format", "kaldi", "--root", corpus, "--convert", *paths).returncode == 0
    result = step("corpora.convert_audio", *words(corpus, corpus / "audio"))
    assert result.returncode == 0 and len(bytes_of(corpus / "audio")) == 20, result.stderr


def test_a_recording_that_changed_since_it_was_listed_is_one_sentence(corpus: Path, step) -> None:
    soundfile.write(corpus / "B.flac", np.zeros(44_100), 44_100)
    result = step("corpora.convert_audio", *words(corpus, corpus / "audio"))
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1 and last.startswith(f"error: {corpus / 'B.flac'}: "), result.stderr
    assert last.endswith("; it was usable when the corpus was listed: restore it") and not (corpus / "audio").exists()
