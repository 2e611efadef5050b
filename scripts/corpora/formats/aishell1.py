"""AISHELL-1 (Bu et al., 2017; https://www.openslr.org/33) as it is distributed.

wav/{train,dev,test}/S0002/BAC009S0002W0122.wav    unpacked from wav/S0002.tar.gz
transcript/aishell_transcript_v0.8.txt             id SPACE words apart by SPACE
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.corpora.formats.layout import (
    Entry,
    Format,
    in_folders,
    is_packed_in,
    named,
    names_in_folders,
    packed,
    read_pairs,
)

TRANSCRIPTS = "transcript/aishell_transcript_v0.8.txt"


def read(root: Path) -> Iterator[Entry]:
    """Every id of the transcripts and every wav below wav/. The subset is the wav's folder."""
    wavs: dict[str, str] = {}
    others = []  # of several wavs with one id, all but the first
    for path in names_in_folders(root, "wav/*/*", ".wav"):
        if wavs.setdefault(Path(path).stem, path) != path:
            others.append(path)
    archives = packed(root)
    for utterance, value, problem in read_pairs(root / TRANSCRIPTS):
        path = wavs.pop(utterance, None)
        subset, speaker = folders_of(path) if path else (official_subset(utterance[6:11]), utterance[6:11])
        if path is None and speaker in archives:
            problem = problem or is_packed_in(archives[speaker])
        yield Entry(utterance, speaker, subset, path, text.normalise(value), problem)
    for problem, paths in (("", wavs.values()), ("another wav has this id", others)):
        for path in paths:
            subset, speaker = folders_of(path)
            yield Entry(Path(path).stem, speaker, subset, path, None, problem)


def folders_of(path: str) -> tuple[str, str]:
    """The folders that a wav lies in: its subset and its speaker."""
    _, subset, speaker, _ = path.split("/")
    return subset, speaker


def official_subset(speaker: str) -> str:
    """AISHELL-1's own division of speakers, for transcripts without wav: S0724-S0763 dev, S0764-S0916 test."""
    return "dev" if "S0724" <= speaker <= "S0763" else "test" if "S0764" <= speaker <= "S0916" else "train"


FORMAT = Format(
    source="https://www.openslr.org/33",
    lists=named(TRANSCRIPTS),
    sizes=in_folders("wav/*/*", ".wav"),
    read=read,
    holds={"train": 120_098, "dev": 14_326, "test": 7_176},
)
