"""Any audio that libsndfile reads, as 16 kHz, mono, 16-bit PCM.

Channels are averaged; what is meant of a recording is cut out at its own rate, to the nearest frame; soxr resamples
(https://sourceforge.net/projects/soxr, quality VHQ, in float64); samples are rounded to the nearest integer, halves to
even, and clipped. The same input gives the same bytes, and 16-bit PCM at 16 kHz comes out as it went in.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from scripts.common.audio import UnusableAudio, open_by_libsndfile
from scripts.common.rates import SAMPLE_RATE

_BLOCK = 1 << 18  # frames that are decoded at a time
_OVERSHOOT = 0.5  # seconds by which a segment may end behind its recording, as Kaldi's extract-segments allows
Span = tuple[float, float]


def path_of(utterance: str) -> str:
    """Where the converted wav of an utterance lies below the corpus's folder of them: 256 folders share the files."""
    return f"{hashlib.sha256(utterance.encode()).hexdigest()[:2]}/{utterance}.wav"


def frames_of(span: Span | None, rate: int, frames: int) -> range:
    """The frames of a recording that are meant. Raises UnusableAudio for a piece that it does not have."""
    if span is None:
        return range(frames)
    start, end = round(span[0] * rate), frames if span[1] == -1 else round(span[1] * rate)
    if end > frames + _OVERSHOOT * rate or start >= frames:
        raise UnusableAudio(f"its segment ends at {span[1]:g} s of a recording of {frames / rate:g} s")
    if start >= end:
        raise UnusableAudio("no samples")
    return range(start, min(end, frames))


def samples_of(frames: int, rate: int) -> int:
    """How many samples at 16 kHz come out of so many frames at `rate`: soxr's own rounding, halves up."""
    return (2 * frames * SAMPLE_RATE + rate) // (2 * rate)


def decoded_frames(path: str | Path) -> int:
    """How many frames a file has, by decoding it. Raises UnusableAudio for one that is damaged or was cut off."""
    with open_by_libsndfile(path) as file:
        frames = sum(len(block) for block in _blocks(file))
        if frames < file.frames:
            raise UnusableAudio(f"truncated: {frames} of {file.frames} samples")
        return frames


def convert(path: Path, spans: Iterable[Span | None]) -> Iterator[NDArray[np.int16]]:
    """Of each span, in order of their starts, the samples at 16 kHz. Raises UnusableAudio, also in the middle.

    A recording is decoded from its start to its end: not every format can be entered in the middle to the sample.
    """
    with open_by_libsndfile(path) as file:
        rate, blocks = file.samplerate, _blocks(file)
        kept, first = np.empty(0), 0  # what was decoded from frame `first` on
        for span in spans:
            start = 0 if span is None else round(span[0] * rate)
            stop = None if span is None or span[1] == -1 else round(span[1] * rate)
            while stop is None or first + len(kept) < stop:
                block = next(blocks, None)
                if block is None:
                    break
                if first + len(kept) <= start:
                    kept, first = block, first + len(kept)
                else:
                    kept = np.concatenate([kept, block])
            kept, first = kept[max(0, start - first) :], max(first, start)
            yield _to_pcm(kept[: None if stop is None else stop - start], rate)


def _blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float64]]:
    """The mean of a file's channels, in pieces."""
    try:
        while len(block := file.read(_BLOCK, dtype="float64", always_2d=True)):
            yield block.mean(axis=1)
    except RuntimeError as error:
        raise UnusableAudio(f"damaged: {str(error).rpartition(': ')[2].rstrip('.')}") from None


def _to_pcm(samples: NDArray[np.float64], rate: int) -> NDArray[np.int16]:
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="VHQ")
    scaled = np.rint(np.nan_to_num(samples, posinf=1, neginf=-1) * 32768)
    return np.clip(scaled, -32768, 32767).astype(np.int16)
