"""List a corpus: its usable utterances, those that cannot be used and why, and every transcript of dev and test."""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.ahead import in_threads
from scripts.common.bars import shown
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.corpora import contents, identity, spelling
from scripts.corpora.census import HELDOUT_COLUMNS, Census
from scripts.corpora.conversion import path_of
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry
from scripts.corpora.usable import Found, examine, printable

BATCH = 128  # utterances whose files one thread opens in a row
REASONS = 5  # kinds of reasons that are shown where nothing is usable


class Listing(NamedTuple):
    """Usable utterances (UTTERANCE_COLUMNS and the fingerprint of each file), and rejected ones (REJECTED_COLUMNS)."""

    usable: pd.DataFrame
    rejected: pd.DataFrame


def list_corpus(
    root: Path, entries: Iterable[Entry], threads: int, converts: bool = False, excluded: Collection[str] = ()
) -> Listing:
    """Open every file of audio once, and tell the usable utterances from the others."""
    columns: dict[str, list] = {name: [] for name in [*tables.UTTERANCE_COLUMNS, "fingerprint"]}
    rejected, seen, heard = [], set(), {}
    for entry, found in examined(root, entries, threads, converts, excluded):
        reason = found.reason
        if not reason and entry.utterance in seen:
            reason = "listed twice"
        elif not reason and found.heard in heard:
            reason = f"the same audio as {heard[found.heard]}"
        if reason:
            rejected.append((printable(entry.utterance), printable(entry.path or ""), reason))
            continue
        seen.add(entry.utterance)
        heard[found.heard] = entry.utterance
        path = path_of(entry.utterance) if converts else entry.path
        row = (entry.utterance, sys.intern(entry.speaker), entry.subset, path, found.samples, entry.transcript)
        for column, value in zip(columns.values(), (*row, found.fingerprint), strict=True):
            column.append(value)
    return Listing(pd.DataFrame(columns), pd.DataFrame(rejected, columns=tables.REJECTED_COLUMNS))


def examined(
    root: Path, entries: Iterable[Entry], threads: int, converts: bool, excluded: Collection[str]
) -> Iterator[tuple[Entry, Found]]:
    """Each entry with what is found of it. Waiting for a network file system is what takes the time: in threads."""

    def look(batch: list[Entry]) -> list[tuple[Entry, Found]]:
        groups = (list(group) for _, group in itertools.groupby(batch, key=attrgetter("path")))
        return [pair for group in groups for pair in zip(group, examine(root, group, converts, excluded), strict=True)]

    batches = in_threads(threads, look, in_batches(shown(entries, None, " utterances")))
    return itertools.chain.from_iterable(batches)


def in_batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Lists of about BATCH entries; neighbours with one path are not parted."""
    batch: list[Entry] = []
    for entry in entries:
        if len(batch) >= BATCH and entry.path != batch[-1].path:
            yield batch
            batch = []
        batch.append(entry)
    yield batch


def excluded_by(path: Path | None) -> frozenset[str]:
    """The utterances and speakers of a list, one a line."""
    try:
        return frozenset(path.read_text(encoding="utf-8").split() if path else ())
    except (OSError, UnicodeDecodeError) as error:
        raise StepError(f"{path}: {error}: mend what exclude of this corpus names") from error


def refuse_empty(rejected: pd.DataFrame, root: Path, table: Path) -> None:
    """Raise StepError for a corpus of which nothing is usable, with the reasons in order of their number.

    Snakemake removes the outputs of a step that fails: all reasons lie in a table of another name.
    """
    tables.write_table(rejected, table, tables.REJECTED_COLUMNS)
    counts = rejected["reason"].value_counts()
    shown = "; ".join(f"{count} x {reason}" for reason, count in counts.head(REASONS).items())
    says_what_to_do = not counts.empty and counts.index[0].endswith(("for this corpus", " ROOT"))
    advice = "" if says_what_to_do else ": check the root and format of this corpus"
    raise StepError(f"{root} has no usable utterance ({table} lists {len(rejected)}: {shown or 'none'}){advice}")


def spelling_of(arguments: argparse.Namespace) -> dict[str, str]:
    return {key: getattr(arguments, key) for key in spelling.CHOICES}


def vouch(arguments: argparse.Namespace, usable: pd.DataFrame) -> None:
    """Write the sidecar of utterances.tsv; it says of each subset what is heard in it and what is said."""
    contents_now = (
        contents.lists_of(arguments.root, arguments.format),
        contents.audio_of(arguments.root, arguments.format),
    )
    exclude = files.sha256(arguments.exclude) if arguments.exclude else None
    settings = (spelling_of(arguments), arguments.convert, exclude)
    made_from = identity.listing(arguments.format, *contents_now, *settings, code_digest(__spec__.name))
    subsets = {subset: rows for subset, rows in usable.groupby("subset")}
    facts = {
        "subsets": {subset: tables.digests_of(rows) for subset, rows in subsets.items()},
        "audio": {subset: tables.digest_of(rows, ["utterance", "fingerprint"]) for subset, rows in subsets.items()},
        "heldout_sha256": files.sha256(arguments.heldout),
    }
    sidecars.write(arguments.utterances, made_from, **facts, **provenance.circumstances("corpora", "pandas"))


def main() -> None:
    """Parse the command line and write the three tables, and a sidecar for the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--root", type=Path, required=True, help="where the corpus lies")
    parser.add_argument("--convert", action="store_true", help="list what scripts.corpora.convert_audio will make")
    parser.add_argument("--exclude", type=Path, help="a list of utterances and speakers that are not to be used")
    parser.add_argument("--case", choices=sorted(spelling.CHOICES["case"]), default="keep", help="of transcripts")
    parser.add_argument("--punctuation", choices=sorted(spelling.CHOICES["punctuation"]), default="keep")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--utterances", type=Path, required=True, help="a sidecar .json goes beside it")
    parser.add_argument("--rejected", type=Path, required=True)
    parser.add_argument("--heldout", type=Path, required=True)
    arguments = parser.parse_args()

    root, layout = arguments.root, FORMATS[arguments.format]
    census, changed = Census(), Counter()
    entries = census.watch(spelling.spell(layout.read(root), spelling_of(arguments), changed))
    usable, rejected = list_corpus(root, entries, arguments.threads, arguments.convert, excluded_by(arguments.exclude))
    reasons = arguments.utterances.with_name("nothing-usable.tsv")
    if usable.empty:
        refuse_empty(rejected, root, reasons)
    reasons.unlink(missing_ok=True)
    tables.write_table(rejected, arguments.rejected, tables.REJECTED_COLUMNS)
    tables.write_utterances(usable, arguments.utterances)
    tables.write_table(census.heldout(), arguments.heldout, HELDOUT_COLUMNS)
    vouch(arguments, usable)
    hours = usable["samples"].sum() / SAMPLE_RATE / 3600
    print(f"{root}: {len(usable)} utterances ({hours:.2f} h), {len(rejected)} rejected: {arguments.rejected}")
    for line in spelling.report(spelling_of(arguments), changed):
        print(line)
    if layout.holds:
        print(f"{root} by its lists, and what is known of this corpus: {census.completeness(layout.holds)}")


if __name__ == "__main__":
    exit_on_error(main)
