"""One door for audio: which samples a file holds, and why it cannot be used.

What libsndfile opens as 16 kHz, mono, 16-bit PCM is used as it lies there, in whatever container: WAVE in all its
forms, RF64, AIFF, AU, NIST. Its samples are libsndfile's. A wav with the usual header is read without it, faster and to
the same samples. Other audio has to be converted first (scripts/corpora/convert_audio.py).
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from scripts.common.errors import StepError
from scripts.common.rates import SAMPLE_RATE

_HEADER = struct.Struct("<4sI28s4sI")  # of a wav, up to its samples or what stands before them
_PLAIN_FORMAT = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)  # PCM, mono
_PLAIN = "WAV PCM_16"
PAGE = 4096  # bytes
_STREAMED = 0x7FFFF000  # sizes from here on stand for "not known yet": sox, arecord and ffmpeg write them into pipes
_COMPRESSED = {"FLAC", "OGG", "MP3"}  # libsndfile's containers


class UnusableAudio(Exception):
    """Why a file cannot be used, in a few words."""


class Recording(NamedTuple):
    """A file of audio as it is: `frames` at `rate` Hz, one sample a channel each."""

    frames: int
    rate: int
    channels: int
    encoding: str  # libsndfile's words, as "WAV PCM_16"
    file: int  # of device and inode: the same for two names of one file
    fingerprint: str  # 12 hexadecimal digits: another for other audio under the same name

    @property
    def is_plain(self) -> bool:
        """Whether it can be used as it lies there."""
        if self.encoding is _PLAIN:
            return True
        is_pcm = self.encoding.endswith(" PCM_16") and not self.is_compressed
        return is_pcm and (self.rate, self.channels) == (SAMPLE_RATE, 1)

    @property
    def is_compressed(self) -> bool:
        """Whether it has to be decoded: once, by scripts/corpora/convert_audio.py, and not in each epoch."""
        return self.encoding.split()[0] in _COMPRESSED


def look_at(path: str | Path) -> Recording:
    """What a file holds. Raises UnusableAudio for one that libsndfile cannot read, or that is cut off.

    Headers are believed but for those of an unusual form that could be used: their samples are counted. The fingerprint
    covers the size and two pages (4 KiB): the first, and the one in the middle. That shows audio that was denoised or
    converted anew, at the cost of a header.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a million files: Python's own objects take longer than these
        try:
            status, head = os.fstat(file), os.read(file, PAGE)
            middle = os.pread(file, PAGE, status.st_size // 2)
        finally:
            os.close(file)
    except OSError as error:
        raise UnusableAudio(_in_words(error)) from None
    size, place = status.st_size, status.st_dev << 64 | status.st_ino
    if not size:
        raise UnusableAudio("empty file")
    digest = hashlib.blake2b(b"%d" % size + head + middle, digest_size=6).hexdigest()
    if data := _plain_data(head, size):
        return Recording(len(data) // 2, SAMPLE_RATE, 1, _PLAIN, place, digest)
    with open_by_libsndfile(path) as sound:
        kind = f"{sound.format} {sound.subtype}"
        found = Recording(sound.frames, sound.samplerate, sound.channels, kind, place, digest)
    if missing := missing_of_wav(head, size, found.frames):
        raise UnusableAudio(missing)
    if found.is_plain:
        found = found._replace(frames=len(_samples_by_libsndfile(path)) // 2)
    if found.frames == 0:
        raise UnusableAudio("no samples")
    return found


def read_pcm(path: Path, expected_samples: int) -> bytes:
    """The samples of a file that can be used as it lies there, as little-endian 16-bit PCM.

    Raises StepError where the file no longer is what utterances.tsv says.
    """
    try:
        content = path.read_bytes()
        data = _plain_data(content[:PAGE], len(content))
        if not data and not look_at(path).is_plain:
            raise UnusableAudio("other audio")
        samples = content[data.start : data.stop] if data else _samples_by_libsndfile(path)
    except (UnusableAudio, OSError) as error:
        reason = _in_words(error) if isinstance(error, OSError) else error
        raise StepError(f"{path}: {reason}; it was usable when the corpus was listed: restore it") from error
    if len(samples) != 2 * expected_samples:
        raise StepError(f"{path} has {len(samples) // 2} samples instead of {expected_samples}: list the corpus again")
    return samples


def read_pcm_into(path: str | Path, samples: memoryview) -> None:
    """Fill a buffer with the samples of a file, as little-endian 16-bit PCM. Raises StepError as `read_pcm` does.

    A wav with the shortest header is read into its place at once: a copy takes as long as reading it.
    """
    head, more = bytearray(_HEADER.size), bytearray(1)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.readv(file, [head, samples, more])
        finally:
            os.close(file)
    except OSError:
        size = 0
    is_as_listed = size == len(head) + len(samples) and _plain_data(bytes(head), size) == range(len(head), size)
    if not is_as_listed:
        samples[:] = read_pcm(Path(path), len(samples) // 2)


def plain_header(samples: int) -> bytes:
    """What stands before the samples in a 16 kHz mono 16-bit wav."""
    return _HEADER.pack(b"RIFF", _HEADER.size - 8 + 2 * samples, _PLAIN_FORMAT, b"data", 2 * samples)


def _in_words(error: OSError) -> str:
    return "missing" if isinstance(error, FileNotFoundError) else f"unreadable: {error.strerror}"


def _plain_data(head: bytes, size: int) -> range | None:
    """Where the samples lie in a wav of the usual form, from its first bytes; None for any other.

    The usual form: a `fmt ` chunk of 16 bytes, perhaps a LIST chunk, the samples, and the end; all sizes are true.
    """
    if len(head) < _HEADER.size:
        return None
    riff, whole, form, chunk, length = _HEADER.unpack_from(head)
    if riff != b"RIFF" or form != _PLAIN_FORMAT:
        return None
    start = _HEADER.size
    if chunk == b"LIST":
        start += length + 8
        if length % 2 or start > len(head):
            return None
        chunk, length = struct.unpack_from("<4sI", head, start - 8)
    is_whole = start + length == size == 8 + whole
    return range(start, size) if chunk == b"data" and is_whole and length % 2 == 0 else None


def open_by_libsndfile(path: str | Path) -> soundfile.SoundFile:
    """Raises UnusableAudio for what libsndfile does not take."""
    try:
        return soundfile.SoundFile(path)
    except (
        RuntimeError,
        TypeError,
    ) as error:  # TypeError: of a name that ends in .raw it expects to be told the format
        reason = str(error).rpartition(": ")[2].rstrip(".")
        raise UnusableAudio(f"no audio that libsndfile reads: {reason}") from None


def _samples_by_libsndfile(path: str | Path) -> bytes:
    with open_by_libsndfile(path) as file:
        samples: NDArray[np.int16] = file.read(dtype="int16")
    return samples.astype("<i2").tobytes()


def missing_of_wav(head: bytes, size: int, frames: int) -> str | None:
    """What is missing of a wav that was cut off: its header says, in good faith, that there is more. Else None."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, frame_bytes = 12, 0
    while at + 8 <= len(head):
        name, length = struct.unpack("<4sI", head[at : at + 8])
        if name == b"fmt ":
            frame_bytes = int.from_bytes(head[at + 20 : at + 22], "little")
        if name == b"data":
            if frame_bytes and at + 8 + length > size and length < _STREAMED:
                return f"truncated: {frames} of {length // frame_bytes} samples"
            return None
        at += 8 + length + length % 2
    return None
