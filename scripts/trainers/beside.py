"""A run of pre-training beside the published one: config/published-curve.tsv.

That is derived from what Lu and Chen's run logged (https://github.com/kehanlu/Mandarin-Wav2Vec2): its rows of every 200
updates, from 1,200 on of every 400, and its validations. It ends at update 4,791.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import log10
from pathlib import Path

from scripts.common.provenance import REPOSITORY
from scripts.trainers import curves
from scripts.trainers.curves import Point

CURVE = REPOSITORY / "config" / "published-curve.tsv"
ALIKE = 0.1  # a share of the loss within which two runs stand alike
SAME_BATCH = 0.2  # a share within which two updates hear as much
SHOWN = {"loss": "train_loss", "code perplexity": "code_perplexity", "accuracy": "accuracy"}
WIDTH, HEIGHT = 32, 8  # of one of three drawings, which fit side by side into 100 columns

Key = Callable[[Point], float | None]


def published(path: Path = CURVE) -> list[Point]:
    """The published curve."""
    return curves.read(path)


def updates_of(point: Point) -> float:
    """A place on the way, in updates."""
    return float(point.updates)


def hours_of(point: Point) -> float | None:
    """A place on the way, in hours of audio heard."""
    return point.audio_hours


def value_at(points: Iterable[Point], name: str, place: float, key: Key = updates_of) -> float | None:
    """A value between the two points around a place; None outside of what the points tell."""
    known = [(x, y) for point in points if (x := key(point)) is not None and (y := getattr(point, name)) is not None]
    for (before, low), (after, high) in pairwise(known):
        if before <= place <= after:
            return low + (high - low) * (place - before) / ((after - before) or 1)
    return None


def sentence(points: Sequence[Point], other: Sequence[Point]) -> str:
    """Where a run stands beside the published one; empty for one that has said nothing yet."""
    last = next((point for point in reversed(points) if point.train_loss is not None), None)
    end = other[-1].updates
    if last is None:
        return ""
    if last.updates >= end:
        return f"update {last.updates:,}: nothing to compare with, what was published ends at update {end:,}"
    key, where = _place(last, other)
    place = key(last) or 0.0
    pairs = [(name, getattr(last, field), value_at(other, field, place, key)) for name, field in SHOWN.items()]
    said = [f"{name} {own:.3g} ({theirs:.3g})" for name, own, theirs in pairs if own is not None and theirs is not None]
    if not said:
        return (
            f"update {last.updates:,}: nothing to compare with {where}, what was published {_bounds(other, place, key)}"
        )
    _, own, theirs = pairs[0]
    return f"update {last.updates:,}, published {where} in brackets: {', '.join(said)}{_verdict(own, theirs)}"


def _bounds(other: Sequence[Point], place: float, key: Key) -> str:
    """Where what was published begins, or ends, beyond which a place lies."""
    told = [point for point in other if key(point) is not None and point.train_loss is not None]
    begins = place < (key(told[0]) or 0.0)
    point = told[0] if begins else told[-1]
    return f"{'begins' if begins else 'ends'} at update {point.updates:,} ({point.audio_hours:,.0f} h)"


def _verdict(own: float | None, theirs: float | None) -> str:
    if own is None or theirs is None:
        return ""
    if abs(own - theirs) <= ALIKE * theirs:
        return ": alike"
    return ": the loss is lower" if own < theirs else ": the loss is higher"


def _place(last: Point, other: Sequence[Point]) -> tuple[Key, str]:
    """By what two runs are compared: by hours of audio where an update hears more or less of it than theirs."""
    theirs = next(point for point in reversed(other) if point.audio_hours)
    if last.audio_hours is None or theirs.audio_hours is None:
        return updates_of, "at the same update"
    own, published_ = last.audio_hours / last.updates, theirs.audio_hours / theirs.updates
    if abs(own - published_) <= SAME_BATCH * published_:
        return updates_of, "at the same update"
    return hours_of, f"after the same {last.audio_hours:,.3g} h of audio"


def drawing(points: Sequence[Point], other: Sequence[Point]) -> str:
    """Loss, code perplexity and accuracy of a run (*) over the published one (.), by updates, side by side."""
    reached = points[-1].updates if points else 0
    most = max(reached, min(2 * reached, other[-1].updates), 1)
    panels = [_panel(title, name, points, other, most) for title, name in SHOWN.items()]
    lines = ["  ".join(parts).rstrip() for parts in zip(*panels, strict=True)]
    return "\n".join([*lines, f"updates 0 to {most:,}; * this run, . published"])


def _panel(title: str, name: str, points: Sequence[Point], other: Sequence[Point], most: int) -> list[str]:
    scale = log10 if name == "code_perplexity" else float
    marks = [
        (symbol, point.updates, scale(value))
        for symbol, of in ((".", other), ("*", points))
        for point in of
        if (value := getattr(point, name)) is not None and point.updates <= most and 0 < value < float("inf")
    ]
    low, high = min((y for _, _, y in marks), default=0.0), max((y for _, _, y in marks), default=1.0)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for symbol, x, y in marks:
        row = round((high - y) / ((high - low) or 1) * (HEIGHT - 1))
        grid[row][round(x / most * (WIDTH - 1))] = symbol
    ends = [10**value if scale is log10 else value for value in (low, high)]
    return [f"{title} {ends[0]:.3g} to {ends[1]:.3g}"[:WIDTH].ljust(WIDTH), *("".join(row) for row in grid)]
