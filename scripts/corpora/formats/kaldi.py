"""Kaldi data directories (https://kaldi-asr.org/doc/data_prep.html), one a subset: train, dev and test.

train/wav.scp                  recording PATH
train/text                     utterance transcript
train/utt2spk                  utterance speaker; may be missing
train/segments                 utterance recording SECOND SECOND; may be missing: each recording is an utterance then

Directories of other names are listed, too, but only train is pre-trained on, and of the others dev and test sets (test,
test_clean, ...: the config names them, with - for _) are scored. Where wav.scp lies in the root itself, all is for
training. Paths are absolute or relative to the root.
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.common.errors import StepError
from scripts.corpora.formats.layout import Entry, Format, Sizes, found, place, read_pairs

_INTO_ARCHIVE = re.compile(r"\.ark:\d+$")
Span = tuple[float, float]


def directories(root: Path) -> dict[str, Path]:
    """The data directories below a root, by the names of their subsets."""
    if (root / "wav.scp").is_file():
        return {"train": root}
    folders = [path.parent for path in sorted(root.glob("*/wav.scp"))]
    found = {_subset(folder.name): folder for folder in folders}
    if len(found) < len(folders):
        raise StepError(f"{root} has directories whose names differ by _ and - alone: rename one")
    return found


def _subset(name: str) -> str:
    return name.replace("_", "-") if name.startswith("test") else name


def read(root: Path) -> Iterator[Entry]:
    """Every utterance of every directory. The speaker is utt2spk's, and the utterance itself where there is none."""
    subsets = directories(root)
    if not subsets:
        raise StepError(f"{root}/wav.scp and {root}/*/wav.scp: No such file; is this a Kaldi data directory?")
    for subset, folder in subsets.items():
        yield from _read_directory(root, subset, folder)


def _read_directory(root: Path, subset: str, folder: Path) -> Iterator[Entry]:
    recordings = {name: (value, problem) for name, value, problem in read_pairs(folder / "wav.scp")}
    transcripts = {name: (text.normalise(value), problem) for name, value, problem in read_pairs(folder / "text")}
    speakers = dict(_first_two(folder / "utt2spk"))
    pieces = _pieces(folder / "segments", recordings)
    for utterance in dict.fromkeys([*pieces, *transcripts]):
        transcript, problem = transcripts.get(utterance, (None, ""))
        recording, span, wrong = pieces.get(utterance, (None, None, ""))
        path = None
        if recording in recordings:
            path, of_path = _path(root, *recordings[recording])
            problem = problem or wrong or of_path
        elif recording is not None:
            problem = problem or wrong or f"its recording {recording} is not in wav.scp"
        speaker = speakers.get(utterance, utterance)
        yield Entry(utterance, speaker, subset, path, transcript, problem, span)


def _first_two(path: Path) -> Iterator[tuple[str, str]]:
    for name, value, _ in read_pairs(path) if path.is_file() else ():
        yield name, value


def _pieces(segments: Path, recordings: dict) -> dict[str, tuple[str, Span | None, str]]:
    """Of each utterance its recording, its piece of it, and what is wrong with that."""
    if not segments.is_file():
        return {name: (name, None, "") for name in recordings}
    found = {}
    for utterance, value, problem in read_pairs(segments):
        recording, *times = value.split() or [""]
        try:
            start, end = map(float, times)
            is_piece = 0 <= start < math.inf and (end == -1 or start < end < math.inf)
        except ValueError:
            start, end, is_piece = 0.0, 0.0, False
        if not is_piece:
            problem = problem or "no piece of a recording in segments: RECORDING START END, in seconds"
        found[utterance] = (recording, (start, end), problem)
    return found


def _path(root: Path, value: str, problem: str) -> tuple[str | None, str]:
    """Where a recording lies. A command is never run: a list that somebody else wrote may hold any."""
    if value.endswith("|"):
        return None, problem or "a command in wav.scp, which is not run: write its audio to files"
    if _INTO_ARCHIVE.search(value):
        return None, problem or "a place in a Kaldi archive in wav.scp: write its audio to files"
    path, wrong = place(root, value) if value else (None, "")
    return path, problem or wrong


def sizes(root: Path) -> Sizes:
    """Of the files that wav.scp names."""
    for folder in directories(root).values():
        for _, value, problem in read_pairs(folder / "wav.scp"):
            path, wrong = _path(root, value, problem)
            if path and not wrong:
                yield path, os.stat(root / path).st_size if (root / path).exists() else -1


FORMAT = Format(
    source="https://kaldi-asr.org/doc/data_prep.html",
    lists=found(*(f"{folder}{name}" for folder in ("", "*/") for name in ("wav.scp", "text", "utt2spk", "segments"))),
    sizes=sizes,
    read=read,
)
