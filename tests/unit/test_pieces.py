"""Long recordings are cut where nobody speaks: on recordings whose speech is known to the sample."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.transcribe import pieces
from scripts.transcribe.pieces import FRAME, LONGEST, MARGIN, PAUSE, WHOLE, Piece, pieces_of
from scripts.transcribe.sound import Samples

RATE = 16000


def loud(frame: Samples) -> float:
    """A detector for recordings in which silence is all zeros."""
    return float(np.any(frame))


def never() -> pieces.Detector:
    raise AssertionError("a short recording needs no detector")


def recording(*seconds: float) -> Samples:
    """Speech and silence in turn; each sample of speech is another, as far as 16 bits go."""
    parts, spoken = [], 0
    for number, length in enumerate(seconds):
        count = round(length * RATE)
        parts.append(np.zeros(count, np.int16) if number % 2 else np.arange(spoken, spoken + count) % 30_000 + 1)
        spoken += 0 if number % 2 else count
    return np.concatenate(parts).astype(np.int16)


def in_blocks(samples: Samples, size: int) -> Iterator[Samples]:
    yield from (samples[start : start + size] for start in range(0, len(samples), size))


def lies_in(piece: Piece, samples: Samples) -> bool:
    """A piece is a part of its recording, but for silence that fills up its last frame."""
    part = samples[piece.start : piece.start + len(piece.samples)]
    return np.array_equal(piece.samples[: len(part)], part) and not piece.samples[len(part) :].any()


@pytest.mark.parametrize("seconds", [0.01, 1, WHOLE])
def test_what_is_short_stays_whole(seconds: float) -> None:
    samples = recording(0, seconds / 2, seconds / 2)
    (piece,) = pieces_of(in_blocks(samples, 999), never)
    assert piece.start == 0 and np.array_equal(piece.samples, samples)


def test_nothing_has_no_pieces() -> None:
    assert list(pieces_of(iter([]), never)) == []


def test_cut_at_the_pause_after_enough_and_not_before() -> None:
    samples = recording(6, 1, 6, 1, 30)
    first, second, *rest = pieces_of(in_blocks(samples, 4000), lambda: loud)
    assert first.start == 0 and len(first.samples) / RATE == pytest.approx(13 + MARGIN, abs=0.1)  # both of 6 s
    assert second.start / RATE == pytest.approx(14 - MARGIN, abs=0.1)
    assert len(second.samples) / RATE <= LONGEST + MARGIN
    assert all(lies_in(piece, samples) for piece in (first, second, *rest))


def test_speech_without_a_pause_is_cut_where_it_is_least_likely() -> None:
    samples, dip = recording(60), round(20 * RATE / FRAME)

    def detector() -> pieces.Detector:
        frames = iter(range(10_000))
        return lambda frame: 0.6 if next(frames) == dip else 0.9

    first, second, *_ = pieces_of(in_blocks(samples, 4000), detector)
    assert len(first.samples) == dip * FRAME == second.start


def test_silence_is_not_kept() -> None:
    """Of a long one, in which somebody says something for a second."""
    samples = recording(0, 500, 1, 499)
    (piece,) = pieces_of(in_blocks(samples, 65536), lambda: loud)
    assert len(piece.samples) / RATE == pytest.approx(1 + 2 * MARGIN, abs=0.1)
    assert lies_in(piece, samples)
    assert list(pieces_of(in_blocks(np.zeros_like(samples), 65536), lambda: loud)) == []


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.floats(0.1, 12), min_size=2, max_size=12),
    block=st.integers(200, 70_000),
)
def test_all_that_is_said_is_in_one_piece_each(lengths: list[float], block: int) -> None:
    """Nothing is lost or heard twice, no piece is longer than it may be, and none parts speech that has a pause."""
    samples = recording(*lengths, WHOLE)
    found = list(pieces_of(in_blocks(samples, block), lambda: loud))
    heard = np.zeros(len(samples), int)
    for piece in found:
        heard[piece.start : piece.start + len(piece.samples)] += 1
        assert lies_in(piece, samples) and len(piece.samples) <= LONGEST * RATE + 3 * FRAME
    assert heard.max() == 1 and heard[samples != 0].min() == 1
    longest_speech = max([*lengths[::2], WHOLE] if len(lengths) % 2 == 0 else [lengths[-1], *lengths[:-1:2]])
    if longest_speech < LONGEST - 12 and min(lengths[1::2]) > PAUSE + 2 * FRAME / RATE:
        starts = [piece.start for piece in found[1:]]
        assert not any(samples[start] and samples[start - 1] for start in starts)
