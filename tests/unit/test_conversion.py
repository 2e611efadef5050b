"""Audio that is converted, against soundfile and soxr called on whole files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.audio import UnusableAudio
from scripts.corpora import conversion
from scripts.corpora.conversion import convert, decoded_frames, frames_of, samples_of

SECONDS = 3


def noise(rate: int, channels: int) -> np.ndarray:
    return np.random.default_rng(rate + channels).standard_normal((SECONDS * rate, channels)) / 8


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000])
@given(frames=st.integers(1, 3_000))
def test_as_many_samples_as_soxr_gives(rate: int, frames: int) -> None:
    assert samples_of(frames, rate) == len(soxr.resample(np.zeros(frames), rate, 16_000, quality="VHQ"))


@pytest.mark.parametrize(("suffix", "subtype"), [("flac", None), ("ogg", None), ("mp3", None), ("wav", "FLOAT")])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8_000, 1), (16_000, 3)])
def test_pieces_are_those_of_the_whole(
    tmp_path: Path, monkeypatch, suffix: str, subtype, rate: int, channels: int
) -> None:
    """Overlapping ones, too, and whatever is decoded at a time: the mean of the channels, cut, resampled, rounded."""
    path = tmp_path / f"a.{suffix}"
    if (suffix, channels) == ("mp3", 3):
        pytest.skip("MP3 has at most two channels")
    soundfile.write(path, noise(rate, channels), rate, subtype=subtype)
    whole = soundfile.read(path, always_2d=True)[0].mean(axis=1)
    spans = [None, (0.0, 0.5), (0.25, 1.0), (0.26, 0.3), (2.0, 2.4), (2.5, -1.0), (2.9, 3.2)]
    monkeypatch.setattr(conversion, "_BLOCK", 5_000)
    assert decoded_frames(path) == len(whole) == SECONDS * rate
    for span, made in zip(spans, convert(path, spans), strict=True):
        frames = frames_of(span, rate, len(whole))
        piece = whole[frames.start : frames.stop]
        expected = piece if rate == 16_000 else soxr.resample(piece, rate, 16_000, quality="VHQ")
        off = made - np.clip(np.rint(expected * 32_768), -32_768, 32_767)
        # libmpg123's floats differ by some thousandths of a sample's last bit with how much it is asked for at once
        assert np.abs(off).max() <= (1 if suffix == "mp3" else 0) and np.mean(off != 0) < 0.01
        assert len(made) == samples_of(len(frames), rate)


def test_what_is_plain_comes_out_as_it_went_in(tmp_path: Path, write_wav) -> None:
    samples = write_wav(tmp_path / "a.wav", 1_000)
    assert np.array_equal(next(convert(tmp_path / "a.wav", [None])), samples)


def test_rounding_clipping_and_what_is_no_number(tmp_path: Path) -> None:
    values = [0.5, 1.5, -0.5, 2.5, 40_000, -40_000, np.nan, np.inf, -np.inf]  # in units of the last bit
    soundfile.write(tmp_path / "a.wav", np.array(values) / 32_768, 16_000, subtype="DOUBLE")
    assert next(convert(tmp_path / "a.wav", [None])).tolist() == [*(0, 2, 0, 2, 32_767, -32_768, 0, 32_767, -32_768)]


def test_up_and_down_again_is_the_same_but_for_the_last_of_the_band(tmp_path: Path) -> None:
    """A tone of 1 kHz and one of 7 kHz: what is left of the difference is 60 dB below them."""
    t = np.arange(16_000) / 16_000
    tones = np.sin(2 * np.pi * 1_000 * t) / 4 + np.sin(2 * np.pi * 7_000 * t) / 4
    soundfile.write(tmp_path / "a.flac", soxr.resample(tones, 16_000, 44_100, quality="VHQ"), 44_100)
    difference = next(convert(tmp_path / "a.flac", [None])) / 32_768 - tones
    inner = slice(1_000, -1_000)  # a tone that begins at once is no tone
    assert 10 * np.log10(np.mean(tones[inner] ** 2) / np.mean(difference[inner] ** 2)) > 60


@pytest.mark.parametrize(("suffix", "reason"), [("flac", "^damaged: "), ("mp3", r"^truncated: \d+ of 132300 samples$")])
def test_compressed_audio_that_was_cut_off(tmp_path: Path, suffix: str, reason: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(44_100, 1), 44_100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert soundfile.info(path).frames == 132_300  # its header says what is not there
    with pytest.raises(UnusableAudio, match=reason):
        decoded_frames(path)
