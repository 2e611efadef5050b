"""Publish, under the run's own name, the checkpoint that had the lowest validation loss in the whole chain."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from scripts.common import files, provenance, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.pretrain import identity
from scripts.pretrain.collapse import is_collapsed


def lowest(candidates: Iterable[Path]) -> Path:
    """The one whose sidecar has the lowest validation loss; the later of two equal ones, as fairseq chooses.

    Never one whose validation collapsed. Raises StepError where there is no other.
    """
    facts = {path: files.read_json(path.with_suffix(".json")) for path in candidates}
    sound = [path for path, card in facts.items() if not is_collapsed(card.get("validation"))]
    if not sound:
        raise StepError(
            f"{', '.join(map(str, facts))}: each validation of the run is a collapsed model's, so none is best: "
            "mend the recipe (docs/troubleshooting.md), or set best: false"
        )
    return min(sound, key=lambda path: (facts[path]["validation_loss"], -facts[path]["updates"]))


def main() -> None:
    """Link the best checkpoint of all segments, and say which were to choose from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=Path, nargs="+", required=True, help="best-until-N-updates.pt of each N")
    parser.add_argument("--output", type=Path, required=True, help="best.pt; its sidecar .json goes beside it")
    arguments = parser.parse_args()
    best = lowest(arguments.candidates)
    sidecars.verified(best)  # or damage would get a sidecar of its own that vouches for it
    files.publish(best, arguments.output)
    known = {path: files.read_json(path.with_suffix(".json")) for path in arguments.candidates}
    candidates = {int(path.stem.split("-")[2]): card["sha256"] for path, card in known.items()}
    facts = {key: known[best][key] for key in ("updates", "validation_loss", "training_seconds")}
    made_from = identity.best(candidates, code_digest(__spec__.name))
    circumstances = provenance.circumstances("fairseq")
    sidecars.write(arguments.output, made_from, tuple(arguments.candidates), **facts, **circumstances)
    print(f"lowest validation loss {facts['validation_loss']} at update {facts['updates']}")


if __name__ == "__main__":
    exit_on_error(main)
