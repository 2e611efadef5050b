"""Whether an utterance can be used, and how long it is."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.common import audio
from scripts.corpora import conversion
from scripts.corpora.formats.layout import Entry

LONGEST_ID = 200  # bytes: an id becomes the name of a file and, twice, of an entry in a zip archive
_UNPRINTABLE = re.compile(r"[\x00-\x1f\ud800-\udfff]")  # surrogates: bytes of a file name that are not UTF-8
_NOT_IN_IDS = re.compile(r"[/\s]")


class Found(NamedTuple):
    """`samples` at 16 kHz of a usable utterance, or the reason why another is not.

    `heard`: the file, with the piece of it where not all is meant; `fingerprint`: of the file.
    """

    samples: int = 0
    reason: str = ""
    heard: int | tuple = 0
    fingerprint: str = ""


def problem_of(entry: Entry, excluded: Collection[str]) -> str:
    """Why an entry cannot be used, as far as the lists tell; "" if they have nothing against it."""
    if entry.utterance in excluded or entry.speaker in excluded:
        return "excluded by the config"
    if entry.problem:
        return entry.problem
    if entry.path is None:
        return "transcript without wav"
    if _UNPRINTABLE.search(entry.path) or _UNPRINTABLE.search(entry.utterance):
        return "control character or not UTF-8 in the path or id"
    if len(entry.utterance.encode()) > LONGEST_ID:
        return f"id of {len(entry.utterance.encode())} bytes: at most {LONGEST_ID}"
    if _NOT_IN_IDS.search(entry.utterance):
        return "/ or white space in the id"
    if entry.transcript is None:
        return "wav without transcript"
    return "" if entry.transcript else "empty transcript"


def examine(root: Path, entries: Sequence[Entry], converts: bool, excluded: Collection[str]) -> list[Found]:
    """What is found of entries with one path, whose file is looked at once. `converts`: other audio is usable, too."""
    problems = [problem_of(entry, excluded) for entry in entries]
    if all(problems):
        return [Found(reason=problem) for problem in problems]
    try:
        path = os.path.join(root, entries[0].path)
        recording = audio.look_at(path)
        _refuse_other_audio(recording, converts)
        frames = conversion.decoded_frames(path) if recording.is_compressed else recording.frames
    except audio.UnusableAudio as reason:
        return [Found(reason=problem or str(reason)) for problem in problems]
    return [
        Found(reason=problem) if problem else _piece(recording, frames, entry, converts)
        for entry, problem in zip(entries, problems, strict=True)
    ]


def _refuse_other_audio(recording: audio.Recording, converts: bool) -> None:
    if not (converts or recording.is_plain):
        raise audio.UnusableAudio(
            f"{recording.encoding}, {recording.rate} Hz, {recording.channels} channel(s) instead of PCM_16, 16000 Hz, "
            "mono: set convert: true for this corpus"
        )


def _piece(recording: audio.Recording, frames: int, entry: Entry, converts: bool) -> Found:
    if entry.span is None:
        return Found(conversion.samples_of(frames, recording.rate), "", recording.file, recording.fingerprint)
    if not converts:
        return Found(reason="a piece of a recording: set convert: true for this corpus")
    try:
        length = len(conversion.frames_of(entry.span, recording.rate, frames))
    except audio.UnusableAudio as reason:
        return Found(reason=str(reason))
    heard = (recording.file, entry.span)
    return Found(conversion.samples_of(length, recording.rate), "", heard, recording.fingerprint)


def printable(value: str) -> str:
    """Control characters, and bytes of a file name that are not UTF-8, escaped: one row stays one line."""
    if not _UNPRINTABLE.search(value):
        return value
    return "".join(c if ord(c) >= 32 else f"\\x{ord(c):02x}" for c in value).encode(errors="backslashreplace").decode()
