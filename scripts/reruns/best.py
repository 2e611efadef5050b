"""Which checkpoint of a pre-training run is its best: docs/decisions/0009-best-is-a-name.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.reruns import cards
from scripts.reruns.parts import Part, published_updates


def models_with_best(config: Mapping[str, Any]) -> list[str]:
    """The pre-training runs of which the table shows the checkpoint with the lowest validation loss."""
    models = dict.fromkeys(model for item in config["experiments"] for model in item["from"])
    return [model for model in models if config["pretraining"].get(model, {}).get("best")]


def choices(config: Mapping[str, Any]) -> list[Part]:
    """What says which update the best checkpoint of each of these is at."""
    return [Part.of("best", model=model) for model in models_with_best(config)]


def checkpoint_of_best(config: Mapping[str, Any], model: str) -> str | None:
    """The best checkpoint of a run, by its name in paths; None while it has not been chosen.

    A run that has been shortened since then ends before it, and has to choose anew.
    """
    choice = Part.of("best", model=model)
    updates = (cards.read(Path(choice.sidecar)) or cards.recorded(choice)).get("updates")
    published = published_updates(config["pretraining"][model])
    return name_at(updates, published) if updates and updates <= published[-1] else None


def name_at(updates: int, published: list[int]) -> str:
    """The name of a best checkpoint. `published`: after how many updates its run publishes one anyway.

    Where it is none of these it is never called after-N-updates: Snakemake would pre-train up to that.
    """
    return f"after-{updates}-updates" if updates in published else f"best-at-{updates}-updates"


def foreseen(config: Mapping[str, Any], model: str) -> str:
    """What a plan cannot show before the best checkpoint of a run is known, in words."""
    tasks = [config["finetuning"][item["finetuning"]] for item in config["experiments"] if model in item["from"]]
    count = sum(len(task["learning_rates"]) * len(task["seeds"]) for task in tasks)
    return (
        f"Which checkpoint of {model} is the best is known once all are there. If it is a milestone, its row of the "
        f"table (*) costs nothing, else {count} fine-tuning{'s' if count > 1 else ''} beside those planned now."
    )
