"""Wav headers, against soundfile's reading of the same files."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.common.audio import UnusableAudio, count_samples, read_pcm
from scripts.common.errors import StepError


def with_list_chunk(wav: bytes) -> bytes:
    """The same wav with a LIST chunk before its data, as AISHELL-2's have: 78 bytes of header instead of 44."""
    assert wav[36:40] == b"data"
    chunk = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"
    header = wav[:36] + chunk + wav[36:44]
    assert len(header) == 78
    return header[:4] + struct.pack("<I", len(wav) - 8 + len(chunk)) + header[8:] + wav[44:]


@pytest.mark.parametrize("samples", [1, 2, 999, 16_000])
def test_samples_of_short_and_long_headers(tmp_path: Path, write_wav, samples: int) -> None:
    short, long = tmp_path / "short.wav", tmp_path / "a longer 长.wav"
    written = write_wav(short, samples)
    long.write_bytes(with_list_chunk(short.read_bytes()))
    assert short.stat().st_size == 44 + 2 * samples
    for path in (short, long):
        assert count_samples(path) == soundfile.info(path).frames == samples
        assert read_pcm(path, samples) == written.astype("<i2").tobytes()
        assert np.array_equal(soundfile.read(path, dtype="int16")[0], written)


def test_bytes_behind_the_data_do_not_count(tmp_path: Path, write_wav) -> None:
    path = tmp_path / "a.wav"
    written = write_wav(path, 100)
    path.write_bytes(path.read_bytes() + b"LIST\x04\x00\x00\x00INFO")
    assert count_samples(path) == soundfile.info(path).frames == 100
    assert read_pcm(path, 100) == written.tobytes()


@pytest.mark.parametrize("header", [44, 78])
def test_truncated(tmp_path: Path, write_wav, header: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 1_000)
    wav = path.read_bytes() if header == 44 else with_list_chunk(path.read_bytes())
    path.write_bytes(wav[: header + 1_200])
    with pytest.raises(UnusableAudio, match=r"^truncated: 600 of 1000 samples$"):
        count_samples(path)
    path.write_bytes(wav[:-1])
    with pytest.raises(UnusableAudio, match=r"^truncated: 999 of 1000 samples$"):
        count_samples(path)
    for length in range(1, header):  # cut anywhere in the header
        path.write_bytes(wav[:length])
        with pytest.raises(UnusableAudio, match=r"^not a PCM wav file: ."):
            count_samples(path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(UnusableAudio, match=r"^not a PCM wav file: the file is too short$"):
        count_samples(tmp_path / "a.wav")


def test_no_samples(tmp_path: Path, write_wav) -> None:
    write_wav(tmp_path / "a.wav", 0)
    with pytest.raises(UnusableAudio, match=r"^no samples$"):
        count_samples(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"rate": 8_000}, "8000 Hz, 1 channel(s), 16 bit instead of 16000 Hz, mono, 16 bit"),
        ({"channels": 2}, "16000 Hz, 2 channel(s), 16 bit instead of 16000 Hz, mono, 16 bit"),
        ({"kind": "PCM_24"}, "16000 Hz, 1 channel(s), 24 bit instead of 16000 Hz, mono, 16 bit"),
        ({"kind": "PCM_U8"}, "16000 Hz, 1 channel(s), 8 bit instead of 16000 Hz, mono, 16 bit"),
        ({"kind": "FLOAT"}, "not a PCM wav file: unknown format: 3"),
    ],
)
def test_other_formats(tmp_path: Path, write_wav, settings: dict, reason: str) -> None:
    write_wav(tmp_path / "a.wav", 100, **settings)
    with pytest.raises(UnusableAudio) as caught:
        count_samples(tmp_path / "a.wav")
    assert str(caught.value) == reason


def test_what_is_no_wav(tmp_path: Path) -> None:
    with pytest.raises(UnusableAudio, match=r"^missing$"):
        count_samples(tmp_path / "a.wav")
    with pytest.raises(UnusableAudio, match=r"^unreadable: Is a directory$"):
        count_samples(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"fLaC" + bytes(1_000))
    with pytest.raises(UnusableAudio, match=r"^not a PCM wav file: file does not start with RIFF id$"):
        count_samples(tmp_path / "a.wav")
    with pytest.raises(UnusableAudio, match=r"^unreadable: Not a directory$"):
        count_samples(tmp_path / "a.wav" / "b.wav")


def test_read_pcm_notices_what_changed_since_the_corpus_was_listed(tmp_path: Path, write_wav) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 100)
    with pytest.raises(StepError, match=r"a\.wav has 100 samples instead of 101: list the corpus again"):
        read_pcm(path, 101)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(StepError, match=r"a\.wav: truncated: 99 of 100 samples; .*: restore it"):
        read_pcm(path, 100)
    path.unlink()
    with pytest.raises(StepError, match=r"a\.wav: missing; .*: restore it"):
        read_pcm(path, 100)
