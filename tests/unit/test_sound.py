"""Audio of any kind as 16 kHz: beside what converting a corpus makes of the same files."""

import io
import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.common.audio import UnusableAudio
from scripts.corpora.conversion import convert
from scripts.transcribe import sound


def heard(path: Path) -> sound.Samples:
    with sound.at_hand(path) as file:
        return np.concatenate([np.empty(0, np.int16), *sound.stream(file)])


def noise(frames: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (frames, channels))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
@pytest.mark.parametrize("rate", [16_000, 8_000, 44_100, 48_000])
def test_as_a_corpus_is_converted(name: str, rate: int, tmp_path: Path) -> None:
    """To the sample at 16 kHz; soxr's streams, and MP3 in blocks of another size, may round the last bit otherwise."""
    path = tmp_path / name
    soundfile.write(path, noise(3 * rate, 2), rate)
    (expected,) = convert(path, [None])
    found = heard(path).astype(int)
    assert len(found) == len(expected)
    assert abs(found - expected).max() <= (0 if rate == 16_000 and name != "a.mp3" else 1)


def test_samples_of_a_corpus_are_heard_as_they_are(tmp_path: Path) -> None:
    samples = np.random.default_rng(2).integers(-32768, 32768, 70_001).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="PCM_16")
    assert np.array_equal(heard(tmp_path / "a.wav"), samples)


def test_eight_channels_and_samples_that_are_no_numbers(tmp_path: Path) -> None:
    audio = noise(16_000, 8).astype(np.float32)
    audio[5, 3], audio[6, 2] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", audio, 16_000, subtype="FLOAT")
    found = heard(tmp_path / "a.wav")
    assert len(found) == 16_000 and abs(found).max() > 0


def test_a_pipe_by_name(tmp_path: Path) -> None:
    """As bash's <(...) is one."""
    pipe, buffer = tmp_path / "pipe", io.BytesIO()
    soundfile.write(buffer, noise(100_000), 16_000, format="WAV")
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[buffer.getvalue()])
    writer.start()
    assert len(heard(pipe)) == 100_000
    writer.join()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "missing"),
        (b"", "empty file"),
        (b"<html>not found</html>", "libsndfile"),
        (b"RIFF\0\0\0\0WAVE", "libsndfile"),
    ],
)
def test_what_is_no_audio(content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it's #1; 中文.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableAudio, match=reason):
        heard(path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableAudio, match=reason):
        heard(path)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnusableAudio, match="directory"):
        heard(tmp_path)


@pytest.mark.parametrize("name", ["mutated.wav", "mutated.flac", "mutated.ogg", "mutated.mp3"])
def test_hundreds_of_damaged_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is heard, in part or whole, or has one reason of one line; one in ten is shown to ffmpeg, too."""
    path = os.environ["PATH"]
    buffer, chance = io.BytesIO(), np.random.default_rng(3)
    soundfile.write(buffer, noise(8_000), 16_000, format=name.rpartition(".")[2].upper())
    whole, reasons = np.frombuffer(buffer.getvalue(), np.uint8), set()
    for number in range(100):
        mutated = whole.copy()
        places = chance.integers(0, min(len(whole), 200 if number % 2 else len(whole)), chance.integers(1, 30))
        mutated[places] = chance.integers(0, 256, len(places))
        monkeypatch.setenv("PATH", path if number % 10 == 0 else str(tmp_path))
        (tmp_path / name).write_bytes(mutated[: chance.integers(1, len(whole) + 1)].tobytes())
        try:
            assert heard(tmp_path / name).dtype == np.int16
        except UnusableAudio as reason:
            assert "\n" not in str(reason)
            reasons.add(str(reason))
    assert reasons


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_container_of_video(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(32_000, 2), 32_000)
    picture = ["-f", "lavfi", "-i", "color=size=32x32:duration=1"]
    command = ["ffmpeg", "-v", "error", *picture, "-i", tmp_path / "a.wav", "-c:a", "aac", tmp_path / "-a.mkv"]
    subprocess.run(command, check=True)
    assert len(heard(tmp_path / "-a.mkv")) == pytest.approx(16_000, abs=2_000)
    subprocess.run(["ffmpeg", "-v", "error", *picture, tmp_path / "mute.mkv"], check=True)
    with pytest.raises(UnusableAudio, match="neither libsndfile nor ffmpeg"):
        heard(tmp_path / "mute.mkv")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, noise(16_000), 16_000)
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    for name in ("list.m3u8", "list.txt"):
        with pytest.raises(UnusableAudio):
            heard(tmp_path / name)
