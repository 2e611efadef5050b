"""How large a corpus is, and a part of it: the same files, spread over all of it, in the lists of Kaldi."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.common.rates import SAMPLE_RATE
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry

PLAIN = 2 * SAMPLE_RATE  # bytes a second
COMPRESSED = SAMPLE_RATE  # a guess at FLAC; of what is smaller, more is taken than needed
LOOKED_AT = 9  # headers


@dataclass(frozen=True)
class Utterance:
    """An entry of a corpus's lists, and how long it is by the size of its file, in seconds."""

    entry: Entry
    seconds: float


Utterances = list[Utterance]
Corpus = dict[str, Utterances]  # by subset


def survey(settings: Mapping[str, Any], directory: Path) -> Corpus:
    """What a corpus holds, as far as its lists and the sizes of its files say."""
    root, format_ = directory / settings["root"], FORMATS[settings["format"]]
    sizes = {name: size for name, size in format_.sizes(root) if size > 0}
    rate = _bytes_a_second(root, sorted(sizes))
    found: Corpus = defaultdict(list)
    seen = set()
    for entry in format_.read(root):
        if entry.problem or not entry.path or not entry.transcript or entry.path not in sizes:
            continue
        if (entry.subset, entry.utterance) in seen:
            continue
        seen.add((entry.subset, entry.utterance))
        start, end = entry.span or (0.0, -1.0)
        seconds = (sizes[entry.path] / rate if end < 0 else end) - start
        found[entry.subset].append(Utterance(entry, max(seconds, 0.0)))
    return dict(found)


def _bytes_a_second(root: Path, names: Sequence[str]) -> float:
    """Of the files of a corpus: of wavs what their headers say."""
    rates = [_of_header(root / name) for name in spread(names, LOOKED_AT)]
    return sorted(rates)[len(rates) // 2] if rates else PLAIN


def _of_header(path: Path) -> float:
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return PLAIN
    if head[:4] == b"RIFF" and head[12:16] == b"fmt ":
        return struct.unpack("<I", head[28:32])[0] or PLAIN
    return COMPRESSED


def spread(those: Sequence[Any], count: int) -> list[Any]:
    """So many of a sequence, evenly; all where there are fewer."""
    count = min(count, len(those))
    return [those[number * len(those) // count] for number in range(count)]


def lasting(utterances: Utterances, seconds: float) -> Utterances:
    """So many seconds of speech, spread evenly; all where there is less."""
    there = sum(each.seconds for each in utterances)
    return spread(utterances, round(len(utterances) * seconds / there) + 1) if there > seconds else list(utterances)


def longest(utterances: Utterances, count: int) -> Utterances:
    """Those that need the most memory."""
    return sorted(utterances, key=lambda each: -each.seconds)[:count]


def write(part: Mapping[str, Iterable[Utterance]], root: Path, folder: Path) -> None:
    """Write data directories by subset that name the files of a corpus whose root this is, where they lie."""
    for subset, chosen in part.items():
        # each once, in the order of the ids
        entries = sorted({each.entry.utterance: each.entry for each in chosen}.values(), key=lambda e: e.utterance)
        lines: dict[str, list[str]] = {"wav.scp": [], "text": [], "utt2spk": [], "segments": []}
        for entry in entries:
            lines["wav.scp"].append(f"{entry.utterance} {(root / entry.path).absolute()}\n")
            lines["text"].append(f"{entry.utterance} {entry.transcript}\n")
            lines["utt2spk"].append(f"{entry.utterance} {entry.speaker or entry.utterance}\n")
            start, end = entry.span or (0.0, -1.0)
            lines["segments"].append(f"{entry.utterance} {entry.utterance} {start!r} {end!r}\n")
        if all(entry.span is None for entry in entries):
            del lines["segments"]
        for name, content in lines.items():
            files.write_text(folder / subset / name, "".join(content))
