"""Whether an utterance can be used, and how long it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.common import audio
from scripts.corpora import conversion
from scripts.corpora.formats.layout import Entry

LONGEST_ID = 200  # bytes: an id becomes the name of a file and, twice, of an entry in a zip archive


@dataclass(frozen=True, slots=True)
class Found:
    """`samples` at 16 kHz of a usable utterance, or the reason why another is not.

    `heard`: the file by device and inode, and the piece of it; `fingerprint`: of the file.
    """

    samples: int = 0
    reason: str = ""
    heard: tuple = ()
    fingerprint: str = ""


def problem_of(entry: Entry, excluded: Collection[str]) -> str:
    """Why an entry cannot be used, as far as the lists tell; "" if they have nothing against it."""
    if entry.utterance in excluded or entry.speaker in excluded:
        return "excluded by the config"
    if entry.problem:
        return entry.problem
    if entry.path is None:
        return "transcript without wav"
    if printable(entry.path + entry.utterance) != entry.path + entry.utterance:
        return "control character or not UTF-8 in the path or id"
    if len(entry.utterance.encode()) > LONGEST_ID:
        return f"id of {len(entry.utterance.encode())} bytes: at most {LONGEST_ID}"
    if "/" in entry.utterance or any(character.isspace() for character in entry.utterance):
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
        recording = audio.look_at(root / entries[0].path)
        _refuse_other_audio(recording, converts)
        is_counted = recording.is_plain or not recording.is_compressed
        frames = recording.frames if is_counted else conversion.decoded_frames(root / entries[0].path)
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
    if entry.span is not None and not converts:
        return Found(reason="a piece of a recording: set convert: true for this corpus")
    try:
        length = len(conversion.frames_of(entry.span, recording.rate, frames))
    except audio.UnusableAudio as reason:
        return Found(reason=str(reason))
    heard = (*recording.file, entry.span)
    return Found(conversion.samples_of(length, recording.rate), "", heard, recording.fingerprint)


def printable(value: str) -> str:
    """Control characters, and bytes of a file name that are not UTF-8, escaped: one row stays one line."""
    return "".join(c if ord(c) >= 32 else f"\\x{ord(c):02x}" for c in value).encode(errors="backslashreplace").decode()
