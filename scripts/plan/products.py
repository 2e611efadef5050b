"""Whether what was trained is what config, code and data want now. It reads small files and changes nothing.

A product's sidecar says what it was made from; the same words are put together here from what lies there now. Where
they are equal, the product stands, whatever the clock says of the files that it was made from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.common import files
from scripts.finetune.identity import finetuning
from scripts.pretrain.identity import initialisation, milestone

PRETRAINED = "results/pretrain/{model}/{checkpoint}"
ENCODER = "results/finetune/{task}/from/{model}/{checkpoint}/encoder"
BRANCH = "results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs"
MANIFEST = "results/pretrain/{model}/manifest/{subset}.tsv"
DATA = "results/finetune/{task}/data"


@dataclass(frozen=True)
class Products:
    """The products of a config. Paths are relative to the working directory, recipes to the repository."""

    config: Mapping[str, Any]
    repository: Path

    def milestone(self, model: str, updates: int) -> list[str]:
        """How the milestone that is there differs from the one that is wanted; nothing for one that was not made."""
        card = _card(PRETRAINED.format(model=model, checkpoint=f"after-{updates}-updates") + ".json")
        made_from = card.get("made_from")
        if made_from is None:
            return []
        run = self.config["pretraining"][model]
        recipe = self.repository / run["recipe"]
        if updates == 0:
            return differences(made_from, initialisation(recipe, run["seed"]))
        recorded = made_from.get("manifests", {})
        manifests = {
            # One that is about to be made again is taken to come back the same: it is looked at once it is there.
            subset: _sha256(Path(MANIFEST.format(model=model, subset=subset))) or recorded.get(subset, "")
            for subset in ("train", "valid")
        }
        wanted = milestone(recipe, updates, run["effective_gpus"], run["precision"], run["seed"], manifests)
        return differences({key: value for key, value in made_from.items() if key != "resumed_from_sha256"}, wanted)

    def checkpoint(self, model: str, checkpoint: str) -> list[str]:
        """How a checkpoint of the table differs from the one that is wanted."""
        if model in self.config["checkpoints"]:
            given, wanted = (
                _card(PRETRAINED.format(model=model, checkpoint=checkpoint) + ".json"),
                self.config["checkpoints"][model],
            )
            return ["sha256"] if given and wanted["sha256"] and given["sha256"] != wanted["sha256"] else []
        run = self.config["pretraining"][model]
        if checkpoint != "best":
            return self.milestone(model, int(checkpoint.split("-")[1]))
        return [reason for updates in published_updates(run) for reason in self.milestone(model, updates)]

    def branch(self, task: str, model: str, checkpoint: str, lr: str, seed: str) -> list[str]:
        """How a fine-tuning that is there differs from the one that is wanted; nothing for one that was not made."""
        names = {"task": task, "model": model, "checkpoint": checkpoint}
        made_from = _card(f"{BRANCH.format(**names, lr=lr, seed=seed)}/provenance.json").get("made_from")
        if made_from is None:
            return []
        if reasons := self.checkpoint(model, checkpoint):
            return [f"the checkpoint: {', '.join(reasons)}"]
        settings = self.config["finetuning"][task]
        encoder = _card(ENCODER.format(**names) + ".json")
        if encoder and encoder["made_from"]["mask_prob"] != settings["mask_prob"]:
            return ["mask_prob"]
        recipe = yaml.safe_load((self.repository / settings["recipe"]).read_text(encoding="utf-8"))
        sha256 = encoder.get("sha256", made_from.get("encoder_sha256"))
        data = _card(f"{DATA.format(task=task)}.json").get("digest", made_from.get("data"))
        return differences(made_from, finetuning(recipe, float(lr), int(seed), sha256, data))


def published_updates(run: Mapping[str, Any]) -> list[int]:
    """The updates at which a run of pre-training publishes a checkpoint: its milestones and its end."""
    return sorted({*run["milestones"], run["updates"]} - {0})


def differences(made_from: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The keys in which two nested dictionaries differ, each with both values where they are short."""
    found = []
    for key in sorted({*made_from, *wanted}):
        before, now = made_from.get(key), wanted.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            found += differences(before, now, f"{prefix}{key}.")
        elif before != now:
            found.append(f"{prefix}{key} ({_short(before)} -> {_short(now)})")
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


def _card(path: str) -> dict[str, Any]:
    """A sidecar; nothing where there is none."""
    return files.read_json(Path(path)) if Path(path).exists() else {}


def _sha256(path: Path) -> str | None:
    """Of the bytes now: what is remembered is known by the time of its last change, too."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _digest(path.resolve(), status.st_mtime_ns, status.st_size)


@cache
def _digest(path: Path, _mtime: int, _size: int) -> str:
    return files.sha256(path)
