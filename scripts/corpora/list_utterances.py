"""List a corpus: its usable utterances, those that cannot be used and why, and every transcript of dev and test."""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.common import audio, files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.corpora import contents, identity, spelling
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry

HELDOUT_COLUMNS = ["utterance", "subset", "transcript"]


def problem_of(entry: Entry) -> str:
    """Why an entry cannot be used, as far as the lists tell; "" if they have nothing against it."""
    if entry.problem:
        return entry.problem
    if entry.path is None:
        return "transcript without wav"
    if printable(entry.path + entry.utterance) != entry.path + entry.utterance:
        return "control character or not UTF-8 in the path or id"
    if entry.transcript is None:
        return "wav without transcript"
    return "" if entry.transcript else "empty transcript"


def examine(root: Path, entry: Entry) -> tuple[int, str]:
    """(samples, "") of a usable utterance, (0, reason) of another; opens the wav's header."""
    problem = problem_of(entry)
    if problem:
        return 0, problem
    try:
        return audio.count_samples(root / entry.path), ""
    except audio.UnusableAudio as reason:
        return 0, str(reason)


def list_corpus(root: Path, entries: list[Entry], threads: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of usable utterances (UTTERANCE_COLUMNS) and of rejected ones (REJECTED_COLUMNS)."""
    usable, rejected, seen = [], [], set()
    with ThreadPoolExecutor(threads) as pool:  # waiting for a network file system is what takes the time
        for entry, (samples, reason) in zip(entries, pool.map(lambda e: examine(root, e), entries), strict=True):
            if not reason and entry.utterance in seen:
                reason = "listed twice"
            if reason:
                rejected.append((printable(entry.utterance), printable(entry.path or ""), reason))
                continue
            seen.add(entry.utterance)
            row = (entry.utterance, entry.speaker, entry.subset, entry.path, samples, entry.transcript)
            usable.append(row)
    return (
        pd.DataFrame(usable, columns=tables.UTTERANCE_COLUMNS),
        pd.DataFrame(rejected, columns=tables.REJECTED_COLUMNS),
    )


def printable(value: str) -> str:
    """Control characters, and bytes of a file name that are not UTF-8, escaped: one row stays one line."""
    return "".join(c if ord(c) >= 32 else f"\\x{ord(c):02x}" for c in value).encode(errors="backslashreplace").decode()


def heldout(entries: list[Entry]) -> pd.DataFrame:
    """Every dev and test transcript, of unusable wavs too: a sentence leaks whether or not its wav can be played."""
    chosen = [entry for entry in entries if entry.subset in ("dev", "test") and entry.transcript]
    rows = [(printable(entry.utterance), entry.subset, entry.transcript) for entry in chosen]
    return pd.DataFrame(rows, columns=HELDOUT_COLUMNS)


def vouch(arguments: argparse.Namespace, utterances: pd.DataFrame, folders: dict[str, Any]) -> None:
    """Write the sidecar of utterances.tsv; it says of each subset what is heard in it and what is said."""
    lists = contents.lists_of(arguments.root, arguments.format)
    wavs = contents.wavs_of(folders)
    made_from = identity.listing(arguments.format, lists, wavs, arguments.spelling, code_digest(__spec__.name))
    facts = {
        "subsets": {subset: tables.digests_of(rows) for subset, rows in utterances.groupby("subset")},
        "heldout_sha256": files.sha256(arguments.heldout),
        "folders": folders,
    }
    sidecars.write(arguments.utterances, made_from, **facts, **provenance.circumstances("corpora", "pandas"))


def main() -> None:
    """Parse the command line and write the three tables, and a sidecar for the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--root", type=Path, required=True, help="the corpus as distributed")
    parser.add_argument("--spelling", type=spelling.choice, nargs="*", default=[], help="case=lower punctuation=drop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--utterances", type=Path, required=True, help="a sidecar .json goes beside it")
    parser.add_argument("--rejected", type=Path, required=True)
    parser.add_argument("--heldout", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.spelling = spelling.KEPT | dict(arguments.spelling)

    folders = contents.folders_of(arguments.root, arguments.format, known={})  # what comes later is seen at next start
    entries, changed = spelling.spell(FORMATS[arguments.format].read(arguments.root), arguments.spelling)
    usable, rejected = list_corpus(arguments.root, entries, arguments.threads)
    tables.write_table(rejected, arguments.rejected, tables.REJECTED_COLUMNS)
    if usable.empty:
        why = f"; the first of {len(rejected)}: {rejected.iloc[0].to_list()}" if len(rejected) else ""
        raise StepError(f"{arguments.root} has no usable utterance{why}: check the root and format of this corpus")
    tables.write_utterances(usable, arguments.utterances)
    tables.write_table(heldout(entries), arguments.heldout, HELDOUT_COLUMNS)
    vouch(arguments, usable, folders)
    hours = usable["samples"].sum() / audio.SAMPLE_RATE / 3600
    print(f"{arguments.root}: {len(usable)} utterances ({hours:.2f} h), {len(rejected)} rejected: {arguments.rejected}")
    for line in spelling.report(arguments.spelling, changed):
        print(line)


if __name__ == "__main__":
    exit_on_error(main)
