"""Keep what pre-training may hear of a corpus: its subset train, without the transcripts of held-out subsets."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.text import leakage_key
from scripts.corpora import identity
from scripts.corpora.census import HELDOUT_COLUMNS
from scripts.corpora.near_leaks import DIFFERENCES, near_leaks


def said_first(heldout: pd.DataFrame) -> pd.DataFrame:
    """Of each sentence the first held-out utterance that says it, by the sentence's key."""
    return heldout.assign(key=heldout["transcript"].map(leakage_key)).drop_duplicates("key").set_index("key")


def drop_leakage(utterances: pd.DataFrame, heldout: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(kept, leaked) of the subset train; leaked has LEAKED_COLUMNS, with the first held-out utterance that says the
    same. `heldout`: by said_first.
    """
    utterances = utterances[utterances["subset"] == "train"]
    keys = utterances["transcript"].map(leakage_key)
    leaks = keys.isin(heldout.index)
    leaked = utterances.loc[leaks, ["utterance", "transcript"]].assign(
        heldout_utterance=keys[leaks].map(heldout["utterance"]),
        heldout_subset=keys[leaks].map(heldout["subset"]),
    )
    return utterances[~leaks], leaked


def in_words(near: pd.DataFrame, does: str, table: Path) -> Iterator[str]:
    """The lines of the log on near repeats."""
    counts = near["difference"].value_counts()
    of_each = ", ".join(f"{counts[difference]} x {difference}" for difference in DIFFERENCES if difference in counts)
    what = "left out, too" if does == "drop" else "which stay (near_leaks: report)"
    yield f"{len(near)} utterances are nearly one of dev or test, {what}: {of_each or 'none'}: {table}"
    phrases = near.drop_duplicates("heldout_utterance").nlargest(3, "times")
    if len(phrases):
        most = ", ".join(f"{row.heldout_transcript} {row.times} x" for row in phrases.itertuples())
        yield f"most often: {most}"


def main() -> None:
    """Parse the command line and write the three tables, and a sidecar for what is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--heldout", type=Path, nargs="*", default=[], help="CORPUS/heldout.tsv of other corpora")
    parser.add_argument(
        "--near-leaks", choices=("report", "drop"), default="report", help="what becomes of near repeats"
    )
    parser.add_argument("--output", type=Path, required=True, help="a sidecar .json goes beside it")
    parser.add_argument("--leaked", type=Path, required=True)
    parser.add_argument("--near", type=Path, required=True, help="the table of near repeats")
    arguments = parser.parse_args()

    heldout = [tables.read_table(path, HELDOUT_COLUMNS) for path in arguments.heldout]
    first = said_first(pd.concat([pd.DataFrame(columns=HELDOUT_COLUMNS), *heldout]))
    kept, leaked = drop_leakage(tables.read_utterances(arguments.utterances), first)
    near = near_leaks(kept, first)
    if arguments.near_leaks == "drop":
        kept = kept.drop(index=near.index)
    if kept.empty:
        raise StepError(f"{arguments.utterances} has no utterance of train that does not leak: nothing to pre-train on")
    tables.write_table(leaked, arguments.leaked, tables.LEAKED_COLUMNS)
    tables.write_ordered(near, arguments.near, tables.NEAR_COLUMNS)
    tables.write_utterances(kept, arguments.output)
    others = {path.parent.name: files.sha256(path) for path in arguments.heldout}
    settings = (arguments.near_leaks, code_digest(__spec__.name))
    made_from = identity.filtering(files.sha256(arguments.utterances), others, *settings)
    above = (arguments.utterances, *(path.with_name("utterances.tsv") for path in arguments.heldout))
    sidecars.write(arguments.output, made_from, above, **provenance.circumstances("corpora", "pandas"))
    print(f"{len(leaked)} utterances with dev or test transcripts left out, {len(kept)} stay: {arguments.leaked}")
    for line in in_words(near, arguments.near_leaks, arguments.near):
        print(line)


if __name__ == "__main__":
    exit_on_error(main)
