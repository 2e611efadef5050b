"""Any audio as a stream of 16 kHz mono samples: a recording of hours is never in memory at once.

libsndfile reads what it can, and ffmpeg, where it is installed, the rest: containers of video, AAC, WMA. As where a
corpus is converted, channels are averaged, soxr resamples (quality VHQ), and samples are rounded to 16 bits, so that a
wav of a corpus is heard as the table's models heard it.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from scripts.common.audio import PAGE, UnusableAudio, missing_of_wav, open_by_libsndfile
from scripts.common.rates import SAMPLE_RATE

PIPE = Path("-")
RATES = range(1_000, 768_001)  # Hz; what claims another is damaged
_BLOCK = 1 << 16  # frames that are decoded at a time
Samples = NDArray[np.int16]


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """The file to read for a path: of standard input (-) and of what is no file (a named pipe) a copy on the disk,
    because readers go back and forth.
    """
    if path != PIPE and (path.is_file() or not path.exists() or path.is_dir()):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="transcribe-") as copy:
        if path == PIPE:
            with _until_the_other_end():
                shutil.copyfileobj(sys.stdin.buffer, copy)
        else:
            with path.open("rb") as source:
                shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def _until_the_other_end() -> Iterator[None]:
    """Ctrl-C goes to both ends of a pipe: it ends a recording, which is heard then. A second one ends this, too."""
    before = signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.default_int_handler))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def lacks(path: Path) -> str | None:
    """What is missing of a file that can be read, as its header says how long it was."""
    with path.open("rb") as file:
        head = file.read(PAGE)
    try:
        with open_by_libsndfile(path) as sound:
            return missing_of_wav(head, path.stat().st_size, sound.frames)
    except UnusableAudio:  # ffmpeg has read it
        return None


def stream(path: Path) -> Iterator[Samples]:
    """The samples of a file, (T,) int16 at 16 kHz, piece by piece. Raises UnusableAudio, also in the middle."""
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UnusableAudio("missing" if isinstance(error, FileNotFoundError) else str(error.strerror)) from None
    if is_empty:
        raise UnusableAudio("empty file")
    try:
        opened = open_by_libsndfile(path)
    except UnusableAudio as reason:
        yield from _by_ffmpeg(path, str(reason))
        return
    with opened as file:
        yield from _by_libsndfile(file)


def _by_libsndfile(file: soundfile.SoundFile) -> Iterator[Samples]:
    if file.samplerate not in RATES:
        raise UnusableAudio(f"damaged: it claims {file.samplerate} samples a second")
    if file.samplerate == SAMPLE_RATE:
        yield from map(_to_pcm, _blocks(file))
        return
    resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float64", quality="VHQ")
    yield from (_to_pcm(resampler.resample_chunk(block)) for block in _blocks(file))
    yield _to_pcm(resampler.resample_chunk(np.empty(0), last=True))


def _blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float64]]:
    """The mean of a file's channels, in pieces."""
    try:
        while len(block := file.read(max(1, _BLOCK // file.channels), dtype="float64", always_2d=True)):
            yield np.nan_to_num(block, posinf=1, neginf=-1).mean(axis=1)
    except RuntimeError as error:
        raise UnusableAudio(f"damaged: {str(error).rpartition(': ')[2].rstrip('.')}") from None


def _to_pcm(samples: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def _by_ffmpeg(path: Path, reason: str) -> Iterator[Samples]:
    """What ffmpeg makes of a file. It opens nothing but this file, whatever a playlist in it names."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise UnusableAudio(f"{reason} (with ffmpeg installed, more formats are read)")
    command = [program, "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-i", f"file:{path.absolute()}"]
    command += ["-map", "0:a:0", "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "s16le", "pipe:1"]
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        assert process.stdout is not None
        try:
            while block := process.stdout.read(2 * _BLOCK):
                yield np.frombuffer(block[: len(block) // 2 * 2], dtype="<i2").astype(np.int16)
        finally:
            process.kill()
        if process.wait() > 0:  # below 0: it was killed here, after all had been read
            said.seek(0)
            raise UnusableAudio(f"neither libsndfile nor ffmpeg reads it: {_last_line(said.read())}")


def _last_line(said: bytes) -> str:
    if b"matches no streams" in said:
        return "there is no sound in it"
    lines = said.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1].rpartition(": ")[2].rstrip(".") if lines else "no reason given"
