"""Files of audio, against libsndfile's reading of the same."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.common.audio import UnusableAudio, look_at, read_pcm
from scripts.common.errors import StepError


def with_list_chunk(wav: bytes) -> bytes:
    """The same wav with a LIST chunk before its data, as AISHELL-2's have: 78 bytes of header instead of 44."""
    assert wav[36:40] == b"data"
    chunk = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"
    header = wav[:36] + chunk + wav[36:44]
    assert len(header) == 78
    return header[:4] + struct.pack("<I", len(wav) - 8 + len(chunk)) + header[8:] + wav[44:]


def by_libsndfile(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def put(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def good(tmp_path: Path, write_wav) -> bytes:
    """A wav of 300 samples; its header is 44 bytes: RIFF size at 4, `fmt ` from 12 on, `data` from 36 on."""
    write_wav(tmp_path / "good.wav", 300)
    return (tmp_path / "good.wav").read_bytes()


@pytest.mark.parametrize("samples", [1, 2, 999, 16_000])
def test_samples_of_short_and_long_headers(tmp_path: Path, write_wav, samples: int) -> None:
    short, long = tmp_path / "short.wav", tmp_path / "a longer 长.wav"
    written = write_wav(short, samples)
    long.write_bytes(with_list_chunk(short.read_bytes()))
    assert short.stat().st_size == 44 + 2 * samples
    for path in (short, long):
        found = look_at(path)
        assert (found.frames, found.rate, found.channels, found.is_plain) == (samples, 16_000, 1, True)
        assert read_pcm(path, samples) == written.astype("<i2").tobytes() == by_libsndfile(path).tobytes()


def test_a_plain_wav_needs_no_libsndfile(tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "SoundFile", None)
    for wav in (good, with_list_chunk(good)):
        path = put(tmp_path / "a.wav", wav)
        assert look_at(path).encoding == "WAV PCM_16" and read_pcm(path, 300) == good[44:]
    with pytest.raises(UnusableAudio):  # of any other it is asked
        look_at(put(tmp_path / "a.wav", good, b"LIST\x04\x00\x00\x00INFO"))


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


# What was seen in files of five tools, and what libsndfile makes of it: 300 samples, or its own words.
HEADERS = {
    "RIFF size too small": (lambda w: (w[:4], u32(10), w[8:]), 300),
    "RIFF size 0": (lambda w: (w[:4], u32(0), w[8:]), 300),
    "bytes behind the data": (lambda w: (w, b"LIST\x04\x00\x00\x00INFO"), 300),
    "an odd chunk with its pad byte": (lambda w: (w[:36], b"junk", u32(3), b"abc\0", w[36:]), 300),
    "an odd chunk without it": (lambda w: (w[:36], b"junk", u32(3), b"abc", w[36:]), "Error in WAV file. No 'data'"),
    "a chunk longer than the file": (lambda w: (w[:36], b"junk", u32(99_999), w[36:]), "No 'data' chunk marker"),
    "fmt of 18 bytes": (lambda w: (w[:16], u32(18), w[20:36], b"\0\0", w[36:]), 300),
    "fmt of 14 bytes": (lambda w: (w[:16], u32(14), w[20:34], w[36:]), "Short 'fmt ' chunk"),
    "streamed by ffmpeg": (lambda w: (w[:4], u32(0xFFFFFFFF), w[8:40], u32(0xFFFFFFFF), w[44:]), 300),
    "streamed by sox": (lambda w: (w[:4], u32(0x7FFFFFFF), w[8:40], u32(0x7FFFFFDB), w[44:]), 300),
    "streamed by arecord": (lambda w: (w[:4], u32(0x7FFFFF24), w[8:40], u32(0x7FFFFF00), w[44:]), 300),
    "two data chunks": (lambda w: (w, w[36:]), "SF_INFO struct incomplete"),
    "two fmt chunks": (lambda w: (w[:36], w[12:36], w[36:]), "No 'data' chunk marker"),
    "data shorter than the file": (lambda w: (w[:40], u32(400), w[44:]), 200),
    "data of an odd size": (lambda w: (w[:40], u32(599), w[44:]), 299),
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_by_five_tools(tmp_path: Path, good: bytes, header: str) -> None:
    change, expected = HEADERS[header]
    path = put(tmp_path / "a.wav", *change(good))
    if isinstance(expected, int):
        assert look_at(path).frames == len(by_libsndfile(path)) == expected
        assert read_pcm(path, expected) == by_libsndfile(path).tobytes() == good[44 : 44 + 2 * expected]
    else:
        with pytest.raises(soundfile.LibsndfileError):
            soundfile.info(path)
        with pytest.raises(UnusableAudio, match=f"^no audio that libsndfile reads: .*{expected}"):
            look_at(path)


CONTAINERS = ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "NIST", "CAF"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_other_containers_hold_the_same_samples(tmp_path: Path, good: bytes, container: str) -> None:
    samples = np.frombuffer(good[44:], "<i2")
    soundfile.write(tmp_path / "a.wav", samples, 16_000, format=container, subtype="PCM_16")
    assert look_at(tmp_path / "a.wav").frames == 300
    assert read_pcm(tmp_path / "a.wav", 300) == good[44:]


SIZES = st.sampled_from([0, 1, 2, 3, 10, 16, 18, 40, 598, 599, 600, 601, 636, 644, 0x7FFFFF00, 0xFFFFFFFF])
CHUNKS = st.sampled_from([b"LIST\4\0\0\0INFO", b"junk\3\0\0\0abc", b"data\4\0\0\0abcd", b"fact\4\0\0\0\0\0\0\0"])
CHANGES = st.one_of(
    st.tuples(st.integers(0, 100), st.binary(min_size=1, max_size=2)),  # other bytes in the header
    st.tuples(st.sampled_from([4, 16, 20, 24, 28, 32, 36, 40, 74]), SIZES.map(u32)),  # other sizes
    st.tuples(st.sampled_from([12, 36, 10_000]), CHUNKS.map(bytearray)),  # a chunk that is put in
    st.integers(0, 700),  # an end that is cut off
    st.binary(min_size=1, max_size=12),  # bytes behind the end
)


def changed(wav: bytes, change: object) -> bytes:
    match change:
        case int(length):
            return wav[:length]
        case (at, bytearray() as chunk):
            return wav[:at] + chunk + wav[at:]
        case (at, other):
            return wav[:at] + other + wav[at + len(other) :] if at < len(wav) else wav
    return wav + change


@pytest.mark.slow
@settings(max_examples=600)
@given(container=st.sampled_from(["WAV"] * 3 + ["LIST"] * 3 + CONTAINERS[1:]), changes=st.lists(CHANGES, max_size=3))
def test_listing_and_reading_agree_with_libsndfile_on_any_header(
    tmp_path_factory: pytest.TempPathFactory, container: str, changes: list[object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.wav"
    samples = (np.arange(300) % 200 - 100).astype(np.int16)
    soundfile.write(path, samples, 16_000, format=container.replace("LIST", "WAV"), subtype="PCM_16")
    wav = with_list_chunk(path.read_bytes()) if container == "LIST" else path.read_bytes()
    for change in changes:
        wav = changed(wav, change)
    path.write_bytes(wav)
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, kind = file.samplerate, file.channels, file.subtype
            expected = file.read(frames=min(file.frames, 10_000), dtype="int16", always_2d=True)
    except RuntimeError:
        rate = None
    try:
        found = look_at(path)
    except UnusableAudio as reason:
        if rate and len(expected):  # libsndfile reads it: then it was cut off
            assert str(reason).startswith("truncated: ")
        return
    assert found.is_plain == ((rate, channels, kind) == (16_000, 1, "PCM_16"))
    if found.is_plain:
        assert read_pcm(path, found.frames) == expected[:, 0].astype("<i2").tobytes()


@pytest.mark.parametrize("header", [44, 78])
def test_truncated(tmp_path: Path, write_wav, header: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 1_000)
    wav = path.read_bytes() if header == 44 else with_list_chunk(path.read_bytes())
    path.write_bytes(wav[: header + 1_200])
    with pytest.raises(UnusableAudio, match=r"^truncated: 600 of 1000 samples$"):
        look_at(path)
    path.write_bytes(wav[:-1])
    with pytest.raises(UnusableAudio, match=r"^truncated: 999 of 1000 samples$"):
        look_at(path)
    for length in range(1, header):  # cut anywhere in the header
        path.write_bytes(wav[:length])
        with pytest.raises(UnusableAudio, match=r"^(no audio that libsndfile reads: .|no samples$)"):
            look_at(path)


def test_no_samples(tmp_path: Path, write_wav) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(UnusableAudio, match=r"^empty file$"):
        look_at(tmp_path / "a.wav")
    write_wav(tmp_path / "a.wav", 0)
    with pytest.raises(UnusableAudio, match=r"^no samples$"):
        look_at(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("settings", "encoding"),
    [
        ({"rate": 8_000}, "WAV PCM_16"),
        ({"channels": 2}, "WAV PCM_16"),
        ({"kind": "PCM_24"}, "WAV PCM_24"),
        ({"kind": "PCM_U8"}, "WAV PCM_U8"),
        ({"kind": "FLOAT"}, "WAV FLOAT"),
    ],
)
def test_other_audio_is_not_plain(tmp_path: Path, write_wav, settings: dict, encoding: str) -> None:
    write_wav(tmp_path / "a.wav", 100, **settings)
    found = look_at(tmp_path / "a.wav")
    assert (found.frames, found.encoding, found.is_plain) == (100, encoding, False)
    with pytest.raises(StepError, match=r"a\.wav: other audio; .*: restore it"):
        read_pcm(tmp_path / "a.wav", 100)


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3"])
def test_compressed_audio_is_not_plain(tmp_path: Path, good: bytes, container: str) -> None:
    path = tmp_path / f"a.{container.lower()}"
    soundfile.write(path, np.frombuffer(good[44:], "<i2"), 16_000)
    assert look_at(path).is_compressed and not look_at(path).is_plain


def test_what_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(UnusableAudio, match=r"^missing$"):
        look_at(tmp_path / "a.wav")
    with pytest.raises(UnusableAudio, match=r"^unreadable: Is a directory$"):
        look_at(tmp_path)
    for name in ("a.wav", "a.raw"):
        put(tmp_path / name, b"fLaC", bytes(1_000))
        with pytest.raises(UnusableAudio, match=r"^no audio that libsndfile reads: ."):
            look_at(tmp_path / name)
    with pytest.raises(UnusableAudio, match=r"^unreadable: Not a directory$"):
        look_at(tmp_path / "a.wav" / "b.wav")


def test_the_fingerprint_follows_what_is_heard_and_not_its_name_or_date(tmp_path: Path, good: bytes) -> None:
    one, other = put(tmp_path / "one.wav", good), put(tmp_path / "other.wav", good)
    assert look_at(one).fingerprint == look_at(other).fingerprint
    assert look_at(one).file != look_at(other).file
    other.unlink()
    other.symlink_to(one)
    assert look_at(one).file == look_at(other).file
    before = look_at(one).fingerprint
    put(one, good[:44], np.frombuffer(good[44:], "<i2")[::-1].tobytes())  # of the same size
    assert look_at(one).fingerprint != before


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
