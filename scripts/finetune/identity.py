"""What a fine-tuning, what it starts from and its average are made of. Snakemake plans by it, the steps write it down.

`code`: the digest of a step's module. It is handed in: a module that is named here would count as code of all that
import this one.
"""

from collections.abc import Mapping
from typing import Any


def preparing(utterances: str, root: str, word_boundary: bool, code: str) -> dict[str, Any]:
    """The data. `utterances`: the sha256 of the corpus's; `root`: where its wavs lie."""
    return {"utterances": utterances, "root": root, "word_boundary": word_boundary, "code": code}


def encoding(checkpoint_sha256: str, mask_prob: float | None, code: str) -> dict[str, Any]:
    """A checkpoint as fine-tuning starts from it."""
    return {"checkpoint_sha256": checkpoint_sha256, "mask_prob": mask_prob, "code": code}


def finetuning(
    recipe: dict[str, Any], learning_rate: float, seed: int, encoder_sha256: str, data: str, program: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that decides the bits of all epochs, but for the machine and the number of processes.

    `program`: what runs the recipe (scripts/finetune/espnet_command.py).
    """
    return {
        "recipe": recipe,
        **program,
        "learning_rate": learning_rate,
        "seed": seed,
        "encoder_sha256": encoder_sha256,
        "data": data,
    }


def averaging(epochs: Mapping[str, str], last: int, code: str) -> dict[str, Any]:
    """Everything that decides an average. `epochs`: sha256 of every epoch's weights, by file name."""
    names = sorted(epochs, key=lambda name: int(name.removesuffix("epoch.pth")))[-last:]
    return {"epochs": {name: epochs[name] for name in names}, "code": code}

