"""Hold out a fraction of the utterances for validation, each by a hash of its own id.

Pre-training hears no transcripts, so the lists have none: a transcript that is corrected does not change them. Of
several corpora the ids become CORPUS/ID; they follow one another in the order given.
"""

import argparse
import hashlib
from pathlib import Path

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.corpora import identity


def is_validation(utterance: str, fraction: float) -> bool:
    """Whether an utterance is held out: its SHA-256, read as a number in [0, 1), lies below `fraction`.

    It depends on nothing but the id, so that utterances keep their side when a corpus grows or loses some.
    """
    first_8_bytes = hashlib.sha256(utterance.encode()).digest()[:8]
    return int.from_bytes(first_8_bytes, "big") < fraction * 2**64


def joined(kept: list[Path]) -> pd.DataFrame:
    """The utterances of lists CORPUS/without-leakage.tsv, one after the other."""
    found = [tables.read_utterances(path) for path in kept]
    if kept[1:]:
        found = [
            rows.assign(utterance=f"{path.parent.name}/" + rows["utterance"])
            for path, rows in zip(kept, found, strict=True)
        ]
    return pd.concat(found, ignore_index=True)


def main() -> None:
    """Parse the command line and write both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--utterances", type=Path, nargs="+", required=True, help="CORPUS/without-leakage.tsv of each, in their order"
    )
    parser.add_argument("--fraction", type=float, required=True, help="of the utterances, 0 < fraction < 1")
    parser.add_argument(
        "--outputs", type=Path, nargs=2, required=True, help="lists of train and valid; sidecars .json go beside them"
    )
    arguments = parser.parse_args()

    utterances = joined(arguments.utterances)
    held_out = utterances["utterance"].map(lambda utterance: is_validation(utterance, arguments.fraction)).astype(bool)
    if held_out.all() or not held_out.any():
        raise StepError(
            f"a validation_fraction of {arguments.fraction} leaves {held_out.sum()} of {len(utterances)} utterances "
            f"in {' '.join(map(str, arguments.utterances))} for validation: both parts need some, set it otherwise"
        )
    kept = {path.parent.name: files.sha256(path) for path in arguments.utterances}
    made_from = identity.splitting(kept, arguments.fraction, code_digest(__spec__.name))
    circumstances = provenance.circumstances("corpora", "pandas")
    for rows, path in zip((utterances[~held_out], utterances[held_out]), arguments.outputs, strict=True):
        tables.write_ordered(rows, path, tables.LISTED_COLUMNS)
        sidecars.write(path, made_from, tuple(arguments.utterances), **circumstances)
    print(f"{(~held_out).sum()} utterances for training, {held_out.sum()} for validation")


if __name__ == "__main__":
    exit_on_error(main)
