"""Trace every number of the table back to the bytes that it came from, and refuse where a link is broken.

Each part (checkpoint, encoder, epochs, average, transcript, score) has a sidecar that says what it was made from. Here
that is compared with the parts that are there, with their bytes, and with what config and code want now. Snakemake
looks at dates only: a file that was restored with its old date, or `--touch`, would pass it by.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.common import digests, files, provenance
from scripts.common.code import code_digest
from scripts.common.errors import StepError, run
from scripts.evaluate.identity import score, transcript
from scripts.finetune.identity import averaging
from scripts.plan.numbers import UTTERANCES, Number, Part, numbers
from scripts.plan.products import Products, card_of, differences, sha256_of


def stale_parts(number: Number, products: Products) -> Iterator[tuple[Part, str]]:
    """The parts of a number that are not what they have to be, and why; from pre-training to the score."""
    cards = {part.rule: card_of(part.sidecar) for part in number.parts}
    for part in number.parts:
        card = cards[part.rule]
        if not card:
            yield part, f"{part.sidecar} is missing"
        elif part.file != part.sidecar and Path(part.file).is_file() and sha256_of(Path(part.file)) != card["sha256"]:
            yield part, f"{Path(part.sidecar).name} describes another file (sha256)"
        elif reasons := _reasons(part, number, cards, products):
            yield part, "; ".join(reasons)


def _reasons(part: Part, number: Number, cards: Mapping[str, dict[str, Any]], products: Products) -> list[str]:
    """How a part differs from the one that would be made now."""
    if part == number.parts[0]:
        return products.checkpoint(number.model, number.checkpoint)
    if part.rule == "finetune":
        return products.branch(number.task, number.model, number.checkpoint, number.lr, number.seed)
    return differences(cards[part.rule].get("made_from", {}), _wanted(part.rule, number, cards, products.config))


def _wanted(rule: str, number: Number, cards: Mapping[str, dict[str, Any]], config: Mapping[str, Any]) -> Any:
    """What a part that is not trained has to be made from: the parts above it that are there."""
    settings = config["finetuning"][number.task]
    if rule == "prepare_encoder":
        checkpoint = next(iter(cards.values()))
        return {"checkpoint_sha256": checkpoint.get("sha256"), "mask_prob": settings["mask_prob"]}
    if rule == "average_weights":
        epochs = cards["finetune"].get("epochs", {})
        return averaging(epochs, number.last, code_digest("scripts.finetune.average_weights"))
    utterances = sha256_of(Path(UTTERANCES.format(corpus=settings["corpus"])))
    if rule == "transcribe":
        above = [cards[name].get("sha256") for name in ("average_weights", "prepare_encoder")]
        return transcript(number.subset, *above, utterances, code_digest("scripts.evaluate.transcribe"))
    text = cards["transcribe"].get("sha256")
    return score(number.subset, text, utterances, code_digest("scripts.evaluate.score_cer"))


def check(config: Mapping[str, Any], repository: Path) -> None:
    """Raise StepError unless every part of every number is what it has to be."""
    products = Products(config, repository)
    stale = {}
    for number in numbers(config):
        for part, why in stale_parts(number, products):
            stale.setdefault(part.file, why)
    if not stale:
        return
    for file, why in stale.items():
        print(f"stale: {file}: {why}")
    first, why = next(iter(stale.items()))
    more = f" and {len(stale) - 1} more, listed above" if len(stale) > 1 else ""
    raise StepError(f"{first} is stale ({why}){more}: add -R {' '.join(stale)} to the snakemake command")


def record(config: Mapping[str, Any]) -> dict[str, Any]:
    """What results/provenance.json holds: a digest that names the run, each number with its parts, and all sidecars."""
    asked = numbers(config)
    parts = {part.file: card_of(part.sidecar) for number in asked for part in number.parts}
    return {
        "run": digests.digest({file: _without_machine(card) for file, card in parts.items()}),
        "git_commit": provenance.git_commit(),
        "numbers": [
            vars(number) | {"cer": parts[number.score]["cer"], "parts": [part.file for part in number.parts]}
            for number in asked
        ],
        "parts": parts,
    }


def _without_machine(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a part was made from, but for the bytes of fairseq's checkpoints: they hold paths of the machine."""
    made_from = {key: value for key, value in card.get("made_from", {}).items() if not key.endswith("_sha256")}
    return made_from or {"sha256": card["sha256"]}


def main() -> None:
    """Parse the command line, check everything and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="as JSON; recipes are relative to here")
    parser.add_argument("--output", type=Path, required=True, help="results/provenance.json")
    arguments = parser.parse_args()
    check(arguments.config, provenance.REPOSITORY)
    files.write_json(arguments.output, record(arguments.config))


if __name__ == "__main__":
    run(main)
