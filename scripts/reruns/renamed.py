"""Branches of the best checkpoint that an earlier release called `best`: they are called after the checkpoint now.

docs/decisions/0009-best-is-a-name.md. A branch is renamed where it was made from the checkpoint that is the best today,
and where none is there under the new name; otherwise it is left as it lies, and nothing reads it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.common.errors import StepError
from scripts.reruns import format_1
from scripts.reruns.best import checkpoint_of_best, models_with_best
from scripts.reruns.cards import read
from scripts.reruns.parts import checkpoint_part

OLD = "best"
# The branches themselves come last: while they are there, a renaming that was killed is taken up.
FOLDERS = ("cer/{task}/dev", "cer/{task}/test", "transcripts/{task}/dev", "transcripts/{task}/test", "finetune/{task}")


def renamings(config: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Folders to be renamed, below the working directory, and what they become."""
    branches = {(item["finetuning"], model): None for item in config["experiments"] for model in item["from"]}
    for task, model in branches:
        name = checkpoint_of_best(config, model) if model in models_with_best(config) else None
        start = Path("results/finetune", task, "from", model)
        encoder = read(start / OLD / "encoder.json").get("made_from", {}).get("checkpoint_sha256")
        if name is None or encoder is None or (start / name).exists():
            continue
        if encoder == format_1.card_of(checkpoint_part(config, model, name)).get("sha256"):
            for folder in FOLDERS:
                old = Path("results", folder.format(task=task), "from", model, OLD)
                if old.is_dir() and not old.with_name(name).exists():
                    yield old, old.with_name(name)


def rename(old: Path, new: Path) -> None:
    """Give a folder its name, and first the new paths to its sidecars, which repeat what is above them.

    Dates stay, or Snakemake would make again what is below.
    """
    before, after = (f"/from/{path.parent.name}/{path.name}/" for path in (old, new))
    for path in old.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        if before in text:
            date = path.stat().st_mtime_ns
            files.write_text(path, text.replace(before, after))
            os.utime(path, ns=(date, date))
    old.rename(new)


def refuse(config: Mapping[str, Any]) -> None:
    """Raise StepError where a branch lies under its old name: it would be trained again under the new one."""
    for old, new in renamings(config):
        raise StepError(
            f"{old} was made by an earlier release of this software, and is called {new.name} now: "
            f"`python -m scripts.reruns.adopt --directory {Path.cwd()} --yes` renames it"
        )
