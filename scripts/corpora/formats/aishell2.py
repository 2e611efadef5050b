"""AISHELL-2 (Du et al., 2018; https://arxiv.org/abs/1808.10583) as it is distributed.

wav/C0001/IC0001W0001.wav      unpacked from wav/C0001.tar.gz
wav.scp, trans.txt             id TAB path, id TAB transcript
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
    place,
    read_pairs,
)


def read(root: Path) -> Iterator[Entry]:
    """Every id of wav.scp and trans.txt and every other wav. The speaker is the wav's folder; all is for training."""
    transcripts, problems = {}, {}
    for utterance, value, problem in read_pairs(root / "trans.txt"):
        if problem:
            problems[utterance] = problem
        transcripts.setdefault(utterance, text.normalise(value))
    listed, paths, archives = set(), set(), packed(root)
    for utterance, value, problem in read_pairs(root / "wav.scp"):
        path, wrong = place(root, value) if value else (None, "")
        listed.add(utterance)
        paths.add(path)
        speaker = speaker_of(path or "")
        problem = problem or problems.get(utterance, "") or wrong
        if speaker in archives and not (root / path).exists():
            problem = problem or is_packed_in(archives[speaker])
        yield Entry(utterance, speaker, "train", path, transcripts.get(utterance), problem)
    for utterance, transcript in transcripts.items():
        if utterance not in listed:
            yield Entry(utterance, "", "train", None, transcript, problems.get(utterance, ""))
    for path in names_in_folders(root, "wav/*", ".wav"):
        if path not in paths:
            yield Entry(Path(path).stem, speaker_of(path), "train", path, None, "not listed in wav.scp")


def speaker_of(path: str) -> str:
    """The folder that a wav lies in."""
    return path.rpartition("/")[0].rpartition("/")[2]


FORMAT = Format(
    source="https://arxiv.org/abs/1808.10583",
    lists=named("wav.scp", "trans.txt"),
    sizes=in_folders("wav/*", ".wav"),
    read=read,
)
