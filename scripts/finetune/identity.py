"""What a fine-tuning, what it starts from and its average are made of. Snakemake plans by it, the steps write it down.

`code`: the digest of a step's module. It is handed in: a module that is named here would count as code of all that
import this one.
"""

from collections.abc import Mapping
from typing import Any

from scripts.common import digests

FRAMES = ("receptive_field_ms", "stride_ms", "mask_frames")  # keys of a task that say what its encoders take


def preparing(
    utterances: str,
    root: str,
    audio: Mapping[str, str],
    train_hours: float | None,
    word_boundary: bool,
    frames: Mapping[str, float],
    code: str,
) -> dict[str, Any]:
    """The data. `utterances`: the sha256 of the corpus's; `root`: where its wavs lie; `audio`: of train and dev a
    digest of what they are; `frames`: the values of FRAMES.
    """
    settings = {"train_hours": train_hours, "word_boundary": word_boundary, **_frames(frames)}
    return {"utterances": utterances, "root": root, "audio": dict(audio), **settings, "code": code}


def encoding(checkpoint_sha256: str, mask_prob: float | None, frames: Mapping[str, float], code: str) -> dict[str, Any]:
    """A checkpoint as fine-tuning starts from it. `frames`: what it was compared with."""
    return {"checkpoint_sha256": checkpoint_sha256, "mask_prob": mask_prob, **_frames(frames), "code": code}


def _frames(frames: Mapping[str, float]) -> dict[str, float]:
    return {key: float(frames[key]) for key in FRAMES}  # 25 in a config is 25.0 on a command line


def finetuning(
    recipe: dict[str, Any],
    learning_rate: float,
    seed: int,
    encoder_sha256: str,
    data: str,
    audio: Mapping[str, str],
    program: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that decides the bits of all epochs, but for the machine and the number of processes.

    `data`: a digest of the lists; `audio`: digests of what they name. `program`: what runs the recipe
    (scripts/finetune/espnet_command.py).
    """
    return {
        "recipe": recipe,
        **program,
        "learning_rate": learning_rate,
        "seed": seed,
        "encoder_sha256": encoder_sha256,
        "data": data,
        "audio": audio,
    }


def name_of_work(made_from: Mapping[str, Any]) -> str:
    """The name of ESPnet's own directory. Which audio it has heard is noted within."""
    return digests.digest({key: value for key, value in made_from.items() if key != "audio"})


def averaging(epochs: Mapping[str, str], last: int, code: str) -> dict[str, Any]:
    """Everything that decides an average. `epochs`: sha256 of every epoch's weights, by file name."""
    names = sorted(epochs, key=lambda name: int(name.removesuffix("epoch.pth")))[-last:]
    return {"epochs": {name: epochs[name] for name in names}, "code": code}
