"""What a fine-tuning and its average are made of. Snakemake plans by it, the steps write it down."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.common import digests
from scripts.common.code import code_digest
from scripts.common.processes import Processes
from scripts.finetune.espnet_command import Task, commands


def finetuning(
    recipe: dict[str, Any], learning_rate: float, seed: int, encoder_sha256: str, data: str
) -> dict[str, Any]:
    """Everything that decides the bits of all epochs, but for the machine and the number of processes."""
    return {
        "recipe": recipe,
        "espnet_layer": code_digest("scripts.finetune.espnet_layer"),
        "command": _command(),
        "learning_rate": learning_rate,
        "seed": seed,
        "encoder_sha256": encoder_sha256,
        "data": data,
    }


def averaging(epochs: Mapping[str, str], last: int, code: str) -> dict[str, Any]:
    """Everything that decides an average. `epochs`: sha256 of every epoch's weights, by file name.

    `code` is handed in: the step's module, named here, would import itself.
    """
    names = sorted(epochs, key=lambda name: int(name.removesuffix("epoch.pth")))[-last:]
    return {"epochs": {name: epochs[name] for name in names}, "code": code}


def _command() -> str:
    """A digest of what the workflow adds to a recipe, wherever it lies."""
    task = Task(Path("recipe"), Path("data"), Path("encoder"), learning_rate=0, seed=0, work=Path("work"))
    (words,) = commands(task, Processes(gpus=1, per_node=1))
    return digests.digest(words[words.index("asr_train") :])  # before it: this machine's python and our layer
