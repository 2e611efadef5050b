"""What results/provenance.json says of a table: each number with the parts that it comes from, down to the corpora."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.common import digests, files, provenance
from scripts.common.code import code_digest
from scripts.common.sidecars import IDENTITY
from scripts.reruns.cards import Card, Cards, read, sha256_of
from scripts.reruns.numbers import labels, numbers, parts_of_table
from scripts.reruns.parts import Part, with_all_above

MODELS = {"initialisation", "milestone", "best", "given", "encoder", "epochs", "average", "transcript", "score"}


def parts_of(config: Mapping[str, Any], wanted: list[Part]) -> list[Part]:
    """What these parts come from and they themselves; of packed audio the manifests speak."""
    return [part for part in with_all_above(wanted, config) if part.kind != "archive"]


def record(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the file. `experiment`: a digest of what its parts were made from, not of their bytes."""
    scores = {number: number.score for number in numbers(config)}
    wanted = parts_of_table(config)
    cards = Cards(with_all_above(wanted, config))
    parts = {part: _without_above(cards.of(part)) for part in parts_of(config, wanted)}
    models = {part.file: _without_machine(card) for part, card in parts.items() if part.kind in MODELS}
    return {
        "experiment": digests.digest(models),
        "git_commit": provenance.git_commit(),
        "processors": _processors(parts.values()),
        "asked": asked(config),
        "numbers": [
            vars(number) | {"cer": parts[score]["cer"], "parts": [part.file for part in parts_of(config, [score])]}
            for number, score in scores.items()
        ],
        "parts": {part.file: card for part, card in parts.items()},
    }


def asked(config: Mapping[str, Any]) -> str:
    """A digest of what the table and its curve show, but for what stands in the scores."""
    shown = numbers(config)
    called = labels(config)
    names = {name: called[name] for number in shown for name in (number.task, number.model)}
    tasks = dict.fromkeys(number.task for number in shown)
    paths = {task: config["finetuning"][task]["published"] for task in tasks}
    published = {task: files.sha256(provenance.REPOSITORY / path) for task, path in paths.items() if path}
    code = [code_digest(f"scripts.results.{step}") for step in ("tabulate", "plot")]
    return digests.digest([[vars(number) for number in shown], names, published, code])


def is_outdated(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the record speaks of another table, or of other parts than lie there; not of one that was deleted.

    Of the parts' bytes only the transcripts' are read here, as they are small; scripts.results.trace reads all.
    """
    known = read(path)
    if not known:
        return False
    if known.get("asked") != asked(config):
        return True
    for part in parts_of(config, parts_of_table(config)):
        card, recorded = read(Path(part.sidecar)), known["parts"].get(part.file, {})
        if card and any(card.get(key) != recorded.get(key) for key in (*IDENTITY, "cer")):
            return True
        if part.kind == "transcript" and sha256_of(Path(part.file)) not in (None, card.get("sha256")):
            return True
    return False


def is_other_config(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the config beside the results is another."""
    return path.exists() and yaml.safe_load(path.read_text(encoding="utf-8")) != config


def other_environments(config: Mapping[str, Any], known_as: Callable[[str], str]) -> Iterator[str]:
    """A sentence for each file of workflow/envs that pins something else than when parts of the table were made.

    known_as(rule): what Snakemake calls it.
    """
    made: dict[str, dict[Part, None]] = {}
    for part in with_all_above(parts_of_table(config), config):
        environment = read(Path(part.sidecar)).get("environment")
        if environment and environment["digest"] != provenance.environment_digest(environment["name"]):
            made.setdefault(environment["name"], {})[part] = None
    for name, parts in made.items():
        rules = " ".join(dict.fromkeys(known_as(part.rule) for part in parts))
        yield (
            f"workflow/envs/{name}.yaml has changed since {next(iter(parts)).file} was made, and "
            f"{len(parts) - 1} more: nothing is made again for that, unless you say -R {rules}."
        )


def _processors(cards: Iterable[Card]) -> list[dict[str, str]]:
    """The processors on which the parts were made, each once."""
    found = {tuple(card["processor"].items()): None for card in cards if "processor" in card}
    return [dict(processor) for processor in found]


def _without_above(card: Card) -> dict[str, Any]:
    """Without what the parts above say themselves."""
    return {key: value for key, value in card.items() if key != "above"}


def _without_machine(card: Card) -> dict[str, Any]:
    """What a part was made from, but for the bytes of fairseq's checkpoints: they hold paths of the machine."""
    return {key: value for key, value in card["made_from"].items() if not key.endswith("_sha256")}
