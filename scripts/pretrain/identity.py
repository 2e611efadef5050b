"""What checkpoints are made of. Snakemake plans by it; the steps write it down, and name their work after it.

`code`: the digest of a step's module. It is handed in: a module that is named here would count as code of all that
import this one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.pretrain.recipe import decisive


def milestone(
    recipe: Path,
    updates: int,
    effective_gpus: int,
    precision: str,
    seed: int,
    data: Mapping[str, str],
    program: Mapping[str, str],
    start_from: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything that decides the bits of a milestone, but for the machine and the number of processes.

    How the run was cut into segments is no part of it: every cut ends with the same bits. `data`: a digest of what is
    heard in each subset; `program`: what runs the recipe (scripts/pretrain/fairseq_command.py); `start_from`: what the
    run goes on from (`beginning`), None for one from scratch.
    """
    return {
        "updates": updates,
        "recipe": decisive(recipe),
        **program,
        "effective_gpus": effective_gpus,
        "precision": precision,
        "seed": seed,
        "data": dict(data),
        **_beginning(start_from),
    }


def initialisation(recipe: Path, seed: int, code: str, start_from: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything that decides the model at 0 updates."""
    return {"updates": 0, "recipe": decisive(recipe), "seed": seed, **_beginning(start_from), "code": code}


def beginning(made_from: Mapping[str, str], code: str) -> dict[str, str]:
    """What a run goes on from: a checkpoint that was given, by what it was made from, and how its weights are taken."""
    return {**made_from, "taken_by": code}


def _beginning(start_from: Mapping[str, str] | None) -> dict[str, Any]:
    return {} if start_from is None else {"start_from": dict(start_from)}


def best(candidates: Mapping[int, str], code: str) -> dict[str, Any]:
    """The best checkpoint of a run. `candidates`: the sha256 of the best until each milestone, by its updates."""
    return {"candidates_sha256": {str(updates): sha256 for updates, sha256 in candidates.items()}, "code": code}


def given(sha256: str, code: str | None = None, config_sha256: str | None = None) -> dict[str, Any]:
    """A checkpoint made elsewhere is known by its bytes. `code`: what converts it, where it is in no format of
    fairseq's; `config_sha256`: of the config.json that lay beside it.
    """
    conversion = {"code": code, "config_sha256": config_sha256}
    return {"sha256": sha256} | {key: value for key, value in conversion.items() if value is not None}
