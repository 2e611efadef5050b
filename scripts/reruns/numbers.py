"""The numbers of the table that a config asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.common.users import scored_of
from scripts.reruns.best import checkpoint_of_best, choices, models_with_best
from scripts.reruns.parts import Part, checkpoints_of


@dataclass(frozen=True)
class Number:
    """A character error rate of one subset; `lr` and `seed` as in paths, `last`: how many epochs are averaged.

    `is_best`: whether it stands in the row of the best checkpoint, which may be a milestone with a row of its own.
    """

    task: str
    model: str
    checkpoint: str
    lr: str
    seed: str
    subset: str
    last: int
    is_best: bool = False

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
    """All numbers in the order of the table's rows; those of a best checkpoint once it is known which one it is."""
    found = []
    for item in config["experiments"]:
        settings = config["finetuning"][item["finetuning"]]
        found += [
            Number(item["finetuning"], model, name, str(lr), str(seed), subset, settings["average_last"], is_best)
            for model in item["from"]
            for name, is_best in _rows(config, model)
            for lr in settings["learning_rates"]
            for seed in settings["seeds"]
            for subset in scored_of(settings)
        ]
    return found


def _rows(config: Mapping[str, Any], model: str) -> list[tuple[str, bool]]:
    """The rows of a model: their checkpoints, and whether it is the row of the best one."""
    best = checkpoint_of_best(config, model) if model in models_with_best(config) else None
    return [(name, False) for name in checkpoints_of(config, model)] + [(best, True)] * (best is not None)


def parts_of_table(config: Mapping[str, Any]) -> list[Part]:
    """What the table is made from: all scores, each once, and which checkpoint is the best."""
    return list(dict.fromkeys([*(number.score for number in numbers(config)), *choices(config)]))
