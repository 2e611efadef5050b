"""LibriSpeech (Panayotov et al., 2015; https://www.openslr.org/12) as it is distributed.

train-clean-100/103/1240/103-1240-0000.flac        SET/SPEAKER/CHAPTER/ID.flac
train-clean-100/103/1240/103-1240.trans.txt        id SPACE transcript in capitals

All sets of training that are there are train; dev-clean and test-clean are dev and test. dev-other and test-other keep
their names: a task may have `test: [test, test-other]`.
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.common.errors import StepError
from scripts.corpora.formats.layout import Entry, Format, found, in_folders, read_pairs

TRANSCRIPTS = "*/*/*/*.trans.txt"
SUBSETS = {"dev-clean": "dev", "test-clean": "test"}


def read(root: Path) -> Iterator[Entry]:
    """Every line of every chapter's transcripts, and every other flac in its folder."""
    chapters = found(TRANSCRIPTS)(root)
    if not chapters:
        raise StepError(f"{root}/{TRANSCRIPTS}: No such file or directory; is this the corpus as distributed?")
    for chapter in chapters:
        folder = Path(chapter).parent
        subset = "train" if chapter.startswith("train-") else SUBSETS.get(folder.parts[0], folder.parts[0])
        others = {path.stem for path in (root / folder).glob("*.flac")}
        for utterance, value, problem in read_pairs(root / chapter):
            path = f"{folder}/{utterance}.flac" if utterance in others else None
            others.discard(utterance)
            yield Entry(utterance, folder.parts[1], subset, path, text.normalise(value), problem)
        for utterance in sorted(others):
            yield Entry(utterance, folder.parts[1], subset, f"{folder}/{utterance}.flac", None)


FORMAT = Format(
    source="https://www.openslr.org/12",
    lists=found(TRANSCRIPTS),
    sizes=in_folders("*/*/*", ".flac"),
    read=read,
)
