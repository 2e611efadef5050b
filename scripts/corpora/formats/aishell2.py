"""AISHELL-2 (Du et al., 2018) as it is distributed.

wav/C0001/IC0001W0001.wav
wav.scp, trans.txt             id TAB relative path, id TAB transcript
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.corpora.formats.layout import Entry, Format, read_pairs


def read(root: Path) -> Iterator[Entry]:
    """Every id of wav.scp and trans.txt and every other wav. The speaker is the wav's folder; all is for training."""
    transcripts, problems = {}, {}
    for utterance, value, problem in read_pairs(root / "trans.txt"):
        if problem:
            problems[utterance] = problem
        transcripts.setdefault(utterance, text.normalise(value))
    listed, paths = set(), set()
    for utterance, path, problem in read_pairs(root / "wav.scp"):
        listed.add(utterance)
        paths.add(path)
        speaker = Path(path).parent.name
        problem = problem or problems.get(utterance, "")
        yield Entry(utterance, speaker, "train", path or None, transcripts.get(utterance), problem)
    for utterance, transcript in transcripts.items():
        if utterance not in listed:
            yield Entry(utterance, "", "train", None, transcript, problems.get(utterance, ""))
    for wav in sorted((root / "wav").glob("*/*.wav")):
        if (path := wav.relative_to(root).as_posix()) not in paths:
            yield Entry(wav.stem, wav.parent.name, "train", path, None, "not listed in wav.scp")


FORMAT = Format(lists=("wav.scp", "trans.txt"), folders="wav/*", read=read)
