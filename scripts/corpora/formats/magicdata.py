"""MAGICDATA Mandarin Chinese Read Speech (2019; https://www.openslr.org/68) as it is distributed.

train/38_5716/38_5716_20170914202211.wav      unpacked from train_set.tar.gz; dev and test likewise
train/TRANS.txt                               file TAB speaker TAB transcript, below a header

Marks such as [FIL] and [SPK] stay in the transcripts.
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.common.errors import StepError
from scripts.corpora.formats.layout import Entry, Format, found, in_folders, names_in_folders, read_pairs

TRANSCRIPTS = "*/TRANS.txt"
HEADER = "UtteranceID"


def read(root: Path) -> Iterator[Entry]:
    """Every line of each subset's TRANS.txt, and every other wav below the subset."""
    lists = found(TRANSCRIPTS)(root)
    if not lists:
        raise StepError(f"{root}/{TRANSCRIPTS}: No such file or directory; is this the corpus as distributed?")
    for name in lists:
        subset = Path(name).parent.name
        wavs = {Path(path).name: path for path in names_in_folders(root, f"{subset}/*", ".wav")}
        for file, value, problem in read_pairs(root / name):
            if file != HEADER:
                speaker, _, said = value.partition("\t")
                path = wavs.pop(file, None)
                yield Entry(file.removesuffix(".wav"), speaker, subset, path, text.normalise(said), problem)
        for file, path in wavs.items():
            yield Entry(file.removesuffix(".wav"), Path(path).parent.name, subset, path, None)


FORMAT = Format(
    source="https://www.openslr.org/68",
    lists=found(TRANSCRIPTS),
    sizes=in_folders("*/*", ".wav"),
    read=read,
    holds={"train": 573_480, "dev": 11_793, "test": 24_279},
)
