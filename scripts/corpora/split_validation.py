"""Hold out a fraction of the utterances for validation, each by a hash of its own id."""

import argparse
import hashlib
from pathlib import Path

from scripts.common import tables
from scripts.common.errors import StepError, run


def is_validation(utterance: str, fraction: float) -> bool:
    """Whether an utterance is held out: its SHA-256, read as a number in [0, 1), lies below `fraction`.

    It depends on nothing but the id, so that utterances keep their side when a corpus grows or loses some.
    """
    first_8_bytes = hashlib.sha256(utterance.encode()).digest()[:8]
    return int.from_bytes(first_8_bytes, "big") < fraction * 2**64


def main() -> None:
    """Parse the command line and write both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--fraction", type=float, required=True, help="of the utterances, 0 < fraction < 1")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--valid", type=Path, required=True)
    arguments = parser.parse_args()

    utterances = tables.read_utterances(arguments.utterances)
    held_out = utterances["utterance"].map(lambda utterance: is_validation(utterance, arguments.fraction)).astype(bool)
    if held_out.all() or not held_out.any():
        raise StepError(
            f"a validation_fraction of {arguments.fraction} leaves {held_out.sum()} of {len(utterances)} utterances "
            f"in {arguments.utterances} for validation: both parts need some, set it otherwise"
        )
    tables.write_utterances(utterances[~held_out], arguments.train)
    tables.write_utterances(utterances[held_out], arguments.valid)
    print(f"{(~held_out).sum()} utterances for training, {held_out.sum()} for validation")


if __name__ == "__main__":
    run(main)
