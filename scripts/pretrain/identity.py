"""What a milestone is made of. Snakemake plans by it, the step names its work after it and writes it down."""

from pathlib import Path
from typing import Any

from scripts.common import digests
from scripts.common.code import code_digest
from scripts.common.processes import Processes
from scripts.pretrain.fairseq_command import PLUGIN, Segment, overrides
from scripts.pretrain.recipe import decisive


def milestone(
    recipe: Path, updates: int, effective_gpus: int, precision: str, seed: int, manifests: dict[str, str]
) -> dict[str, Any]:
    """Everything that decides the bits of a milestone, but for the machine and the number of processes.

    How the run was cut into segments is no part of it: every cut ends with the same bits. `manifests`: the sha256 of
    each subset's.
    """
    return {
        "updates": updates,
        "recipe": decisive(recipe),
        "fairseq_plugin": code_digest("scripts.pretrain.fairseq_plugin"),
        "command": _command(),
        "effective_gpus": effective_gpus,
        "precision": precision,
        "seed": seed,
        "manifests": manifests,
    }


def initialisation(recipe: Path, seed: int) -> dict[str, Any]:
    """Everything that decides the model at 0 updates."""
    return {"updates": 0, "recipe": decisive(recipe), "seed": seed}


def _command() -> str:
    """A digest of what the workflow adds to a recipe, wherever it lies."""
    here = Path()
    segment = Segment(here, here, here, updates=0, update_freq=1, precision="fp32", seed=0, resume_from=None)
    words = overrides(segment, Processes(gpus=1, per_node=1))
    return digests.digest([word.replace(str(PLUGIN), "plugin") for word in words])
