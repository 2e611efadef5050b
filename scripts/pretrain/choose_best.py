"""Publish, under the run's own name, the checkpoint that had the lowest validation loss in the whole chain."""

import argparse
from pathlib import Path

from scripts.common import files
from scripts.common.errors import run


def main() -> None:
    """Link the best checkpoint until the last milestone, and its sidecar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until-the-last", type=Path, required=True, help="best-until-N-updates.pt of the last")
    parser.add_argument("--output", type=Path, required=True, help="best.pt; its sidecar .json goes beside it")
    arguments = parser.parse_args()
    files.publish(arguments.until_the_last, arguments.output)
    files.publish(arguments.until_the_last.with_suffix(".json"), arguments.output.with_suffix(".json"))
    facts = files.read_json(arguments.output.with_suffix(".json"))
    print(f"lowest validation loss {facts['validation_loss']} at update {facts['updates']}")


if __name__ == "__main__":
    run(main)
