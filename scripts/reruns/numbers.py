"""The numbers of the table that a config asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.common.tables import SUBSETS
from scripts.reruns.parts import Part, checkpoints_of


@dataclass(frozen=True)
class Number:
    """A character error rate of one subset; `lr` and `seed` as in paths, `last`: how many epochs are averaged."""

    task: str
    model: str
    checkpoint: str
    lr: str
    seed: str
    subset: str
    last: int

    @property
    def score(self) -> Part:
        """The part that it is read from."""
        return Part.of("score", **vars(self))


def labels(config: Mapping[str, Any]) -> dict[str, str | None]:
    """What each task and model is called in the table; None for one without a name of its own.

    A run that goes on from a checkpoint is named after it, and after itself as others may do so, too.
    """
    found = {}
    for name, entry in {**config["pretraining"], **config["checkpoints"], **config["finetuning"]}.items():
        start = entry.get("start_from")
        found[name] = entry["label"]
        if entry["label"] is None and start:
            found[name] = f"{config['checkpoints'][start]['label']}, then {name}"
    return found


def numbers(config: Mapping[str, Any]) -> list[Number]:
    """All numbers in the order of the table's rows."""
    found = []
    for item in config["experiments"]:
        settings = config["finetuning"][item["finetuning"]]
        found += [
            Number(item["finetuning"], model, checkpoint, str(lr), str(seed), subset, settings["average_last"])
            for model in item["from"]
            for checkpoint in checkpoints_of(config, model)
            for lr in settings["learning_rates"]
            for seed in settings["seeds"]
            for subset in SUBSETS
        ]
    return found
