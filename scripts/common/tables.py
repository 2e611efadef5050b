"""Tab-separated tables with a header: UTF-8, LF, no quoting."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from scripts.common.errors import StepError
from scripts.common.files import whole

UTTERANCE_COLUMNS = ["utterance", "speaker", "subset", "path", "samples", "transcript"]
REJECTED_COLUMNS = ["utterance", "path", "reason"]
LISTED_COLUMNS = ["utterance", "path", "samples"]  # of what is heard, whatever is said in it
LEAKED_COLUMNS = ["utterance", "transcript", "heldout_utterance", "heldout_subset"]
NEAR_COLUMNS = [*LEAKED_COLUMNS, "heldout_transcript", "difference", "characters", "times"]

_FORMAT = {"sep": "\t", "quoting": 3, "encoding": "utf-8"}  # 3: csv.QUOTE_NONE, a transcript may hold quotes
_STRINGS = {"dtype": str, "keep_default_na": False, **_FORMAT}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Raise StepError for a file that is missing or not a table of ours."""
    try:
        yield
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise StepError(f"{path} cannot be read as a table ({' '.join(str(error).split())}): remake it") from error


def read_table(path: Path, columns: list[str], rows: range | None = None) -> pd.DataFrame:
    """A table of strings (`samples`: int64) that has exactly `columns`; only these rows of it, where they are given.

    Raises StepError for a file that is missing or not such a table.
    """
    part = {"skiprows": range(1, rows.start + 1), "nrows": len(rows)} if rows is not None else {}
    with _named(path):
        table = pd.read_csv(path, **_STRINGS, **part)
        if list(table.columns) != columns:
            raise StepError(f"{path} has the columns {list(table.columns)}, expected {columns}: remake it")
        if not isinstance(table.index, pd.RangeIndex):  # pandas takes a column without a name for the index
            raise ValueError("its rows have more columns than its header")
        return table.astype({"samples": "int64"}) if "samples" in columns else table


def read_subset(path: Path, columns: list[str], subset: str) -> pd.DataFrame:
    """These columns, `subset` among them, of the rows of one subset: a part at a time, as the table may be far longer.

    Raises StepError for a file that is missing or not such a table.
    """
    with _named(path), pd.read_csv(path, usecols=columns, chunksize=100_000, **_STRINGS) as parts:
        return pd.concat([part[part["subset"] == subset] for part in parts], ignore_index=True)


def write_table(table: pd.DataFrame, path: Path, columns: list[str]) -> None:
    """Write `columns` of a table atomically, sorted by the first (a copy with the same content has the same bytes)."""
    write_ordered(table.sort_values(columns[0], kind="stable"), path, columns)


def write_ordered(table: pd.DataFrame, path: Path, columns: list[str]) -> None:
    """Write `columns` of a table atomically, in the order of its rows."""
    with whole(path) as temporary:
        table.reindex(columns=columns).to_csv(temporary, index=False, lineterminator="\n", **_FORMAT)


def digests_of(utterances: pd.DataFrame) -> dict[str, str]:
    """`heard`: which utterances there are and how long; `said`: their transcripts. Their order does not count."""
    return {
        name: digest_of(utterances, columns)
        for name, columns in (("heard", ["utterance", "samples"]), ("said", ["utterance", "transcript"]))
    }


def digest_of(table: pd.DataFrame, columns: list[str]) -> str:
    """12 hexadecimal digits of these columns, the first of which sorts the rows."""
    ordered = table[columns].sort_values(columns[0])
    return hashlib.sha256(ordered.to_csv(index=False, lineterminator="\n", **_FORMAT).encode()).hexdigest()[:12]


def read_utterances(path: Path) -> pd.DataFrame:
    """utterances.tsv or a part of it: see UTTERANCE_COLUMNS; `samples` at 16 kHz, `path` relative to the corpus."""
    return read_table(path, UTTERANCE_COLUMNS)


def write_utterances(table: pd.DataFrame, path: Path) -> None:
    """Write a table of utterances, sorted by utterance id."""
    write_table(table, path, UTTERANCE_COLUMNS)
