"""One language of Common Voice (Ardila et al., 2020; https://commonvoice.mozilla.org/datasets) as it is distributed.

train.tsv, dev.tsv, test.tsv   columns client_id, path, sentence and others
clips/*.mp3
"""

from collections.abc import Iterator
from pathlib import Path

from scripts.common import text
from scripts.common.errors import StepError
from scripts.corpora.formats.layout import Entry, Format, in_folders, named, place

SUBSETS = ("train", "dev", "test")
_ID_CHARACTERS = 16  # of a client_id's 128, which are a digest


def read(root: Path) -> Iterator[Entry]:
    """Every clip of the three lists; other lists (validated.tsv, ...) repeat them. The id is the clip's name."""
    for subset in SUBSETS:
        path = root / f"{subset}.tsv"
        try:
            header, *lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()  # of bytes: at line feeds
        except OSError as error:
            raise StepError(f"{path}: {error.strerror}; is this the corpus as distributed?") from error
        except ValueError:
            raise StepError(f"{path} is empty; is this the corpus as distributed?") from None
        columns = header.decode(errors="replace").split("\t")
        if missing := [name for name in ("client_id", "path", "sentence") if name not in columns]:
            raise StepError(f"{path} has no column {missing[0]}; is this the corpus as distributed?")
        for line in lines:
            yield _entry(root, subset, columns, line)


def _entry(root: Path, subset: str, columns: list[str], line: bytes) -> Entry:
    fields = line.decode(errors="backslashreplace").split("\t")
    row = dict(zip(columns, fields, strict=False))
    if len(fields) != len(columns):
        return Entry(
            row.get("path", fields[0]), "", subset, None, None, f"{len(fields)} columns instead of {len(columns)}"
        )
    clip, problem = place(root / "clips", row["path"])
    try:
        line.decode()
    except UnicodeDecodeError:
        problem, row["sentence"] = problem or f"not UTF-8 in {subset}.tsv", ""
    speaker = row["client_id"][:_ID_CHARACTERS]
    return Entry(Path(clip).stem, speaker, subset, f"clips/{clip}", text.normalise(row["sentence"]), problem)


FORMAT = Format(
    source="https://commonvoice.mozilla.org/datasets",
    lists=named(*(f"{subset}.tsv" for subset in SUBSETS)),
    sizes=in_folders("clips", ".mp3"),
    read=read,
)
