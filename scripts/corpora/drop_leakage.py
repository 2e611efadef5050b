"""Keep what pre-training may hear of a corpus: its subset train, without the transcripts of held-out subsets."""

import argparse
from pathlib import Path

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.text import leakage_key
from scripts.corpora import identity
from scripts.corpora.list_utterances import HELDOUT_COLUMNS


def drop_leakage(utterances: pd.DataFrame, heldout: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(kept, leaked) of the subset train; leaked has LEAKED_COLUMNS, with the first held-out utterance that says the
    same.
    """
    utterances = utterances[utterances["subset"] == "train"]
    first = heldout.assign(key=heldout["transcript"].map(leakage_key)).drop_duplicates("key").set_index("key")
    keys = utterances["transcript"].map(leakage_key)
    leaks = keys.isin(first.index)
    leaked = utterances.loc[leaks, ["utterance", "transcript"]].assign(
        heldout_utterance=keys[leaks].map(first["utterance"]),
        heldout_subset=keys[leaks].map(first["subset"]),
    )
    return utterances[~leaks], leaked


def main() -> None:
    """Parse the command line and write both tables, and a sidecar for what is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--heldout", type=Path, nargs="*", default=[], help="CORPUS/heldout.tsv of other corpora")
    parser.add_argument("--output", type=Path, required=True, help="a sidecar .json goes beside it")
    parser.add_argument("--leaked", type=Path, required=True)
    arguments = parser.parse_args()

    heldout = [tables.read_table(path, HELDOUT_COLUMNS) for path in arguments.heldout]
    kept, leaked = drop_leakage(
        tables.read_utterances(arguments.utterances),
        pd.concat([pd.DataFrame(columns=HELDOUT_COLUMNS), *heldout]),
    )
    if kept.empty:
        raise StepError(f"{arguments.utterances} has no utterance of train that does not leak: nothing to pre-train on")
    tables.write_table(leaked, arguments.leaked, tables.LEAKED_COLUMNS)
    tables.write_utterances(kept, arguments.output)
    others = {path.parent.name: files.sha256(path) for path in arguments.heldout}
    made_from = identity.filtering(files.sha256(arguments.utterances), others, code_digest(__spec__.name))
    above = (arguments.utterances, *(path.with_name("utterances.tsv") for path in arguments.heldout))
    sidecars.write(arguments.output, made_from, above, **provenance.circumstances("corpora", "pandas"))
    print(f"{len(leaked)} utterances with dev or test transcripts left out, {len(kept)} stay: {arguments.leaked}")


if __name__ == "__main__":
    exit_on_error(main)
