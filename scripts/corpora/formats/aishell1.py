"""AISHELL-1 (Bu et al., 2017; https://www.openslr.org/33) as it is distributed.

wav/{train,dev,test}/S0002/BAC009S0002W0122.wav    unpacked from wav/S0002.tar.gz
transcript/aishell_transcript_v0.8.txt             id SPACE words apart by SPACE
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.corpora.formats.layout import Entry, Format, in_folders, is_packed_in, named, packed, read_pairs

TRANSCRIPTS = "transcript/aishell_transcript_v0.8.txt"


def read(root: Path) -> Iterator[Entry]:
    """Every id of the transcripts and every wav below wav/. The subset is the wav's folder."""
    found = sorted((root / "wav").glob("*/*/*.wav"))
    wavs = {path.stem: path for path in reversed(found)}  # of several with one id, the first
    others = [path for path in found if wavs[path.stem] != path]
    archives = packed(root)
    for utterance, value, problem in read_pairs(root / TRANSCRIPTS):
        wav = wavs.pop(utterance, None)
        speaker = wav.parent.name if wav else utterance[6:11]
        subset = wav.parent.parent.name if wav else official_subset(speaker)
        path = wav.relative_to(root).as_posix() if wav else None
        if wav is None and speaker in archives:
            problem = problem or is_packed_in(archives[speaker])
        yield Entry(utterance, speaker, subset, path, text.normalise(value), problem)
    for problem, paths in (("", wavs.values()), ("another wav has this id", others)):
        for wav in sorted(paths):
            relative = wav.relative_to(root).as_posix()
            yield Entry(wav.stem, wav.parent.name, wav.parent.parent.name, relative, None, problem)


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
