"""Whether what was trained is what config, code and data want now. It reads small files and changes nothing.

A product's sidecar says what it was made from; the same words are put together here from what lies there now. Where
they are equal, the product stands, whatever the clock says of the files that it was made from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.common import files, provenance
from scripts.finetune.identity import finetuning
from scripts.plan.numbers import BRANCH, DATA, ENCODER, MANIFEST, PRETRAINED, Part, numbers, published_updates
from scripts.pretrain.identity import initialisation, milestone


@dataclass(frozen=True)
class Products:
    """The products of a config. Paths are relative to the working directory, recipes to the repository."""

    config: Mapping[str, Any]
    repository: Path

    def milestone(self, model: str, updates: int) -> list[str]:
        """How the milestone that is there differs from the one that is wanted; nothing for one that was not made."""
        card = card_of(PRETRAINED.format(model=model, checkpoint=f"after-{updates}-updates") + ".json")
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
            subset: sha256_of(Path(MANIFEST.format(model=model, subset=subset))) or recorded.get(subset, "")
            for subset in ("train", "valid")
        }
        wanted = milestone(recipe, updates, run["effective_gpus"], run["precision"], run["seed"], manifests)
        return differences({key: value for key, value in made_from.items() if key != "resumed_from_sha256"}, wanted)

    def checkpoint(self, model: str, checkpoint: str) -> list[str]:
        """How a checkpoint of the table differs from the one that is wanted."""
        if model in self.config["checkpoints"]:
            given, wanted = (
                card_of(PRETRAINED.format(model=model, checkpoint=checkpoint) + ".json"),
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
        made_from = card_of(f"{BRANCH.format(**names, lr=lr, seed=seed)}/provenance.json").get("made_from")
        if made_from is None:
            return []
        if reasons := self.checkpoint(model, checkpoint):
            return [f"the checkpoint: {', '.join(reasons)}"]
        settings = self.config["finetuning"][task]
        encoder = card_of(ENCODER.format(**names) + ".json")
        if encoder and encoder["made_from"]["mask_prob"] != settings["mask_prob"]:
            return ["mask_prob"]
        recipe = yaml.safe_load((self.repository / settings["recipe"]).read_text(encoding="utf-8"))
        sha256 = encoder.get("sha256", made_from.get("encoder_sha256"))
        data = card_of(f"{DATA.format(task=task)}.json").get("digest", made_from.get("data"))
        return differences(made_from, finetuning(recipe, float(lr), int(seed), sha256, data))

    def replaced(self, traced: str) -> bool:
        """Whether a part of the table is another than the one that results/provenance.json speaks of.

        One that was deleted is not: it may have been large. Nor are weights read here; scripts.plan.trace does.
        """
        known = card_of(traced).get("parts", {})
        for part in {part for number in numbers(self.config) for part in number.parts if part.file in known}:
            card = card_of(part.sidecar)
            if card and _vouched(card) != _vouched(known[part.file]):
                return True
            if part.rule == "transcribe" and sha256_of(Path(part.file)) not in (None, card.get("sha256")):
                return True
        return False

    def other_environments(self) -> Iterator[str]:
        """A sentence for each file of workflow/envs that pins something else than when parts of the table were made."""
        made: dict[str, dict[Part, None]] = {}
        for part in (part for number in numbers(self.config) for part in number.parts):
            environment = card_of(part.sidecar).get("environment")
            if environment and environment["digest"] != provenance.environment_digest(environment["name"]):
                made.setdefault(environment["name"], {})[part] = None
        for name, parts in made.items():
            rules = " ".join(dict.fromkeys(part.rule for part in parts))
            yield (
                f"workflow/envs/{name}.yaml has changed since {next(iter(parts)).file} was made, and "
                f"{len(parts) - 1} more: nothing is made again for that, unless you say -R {rules}."
            )


def _vouched(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a sidecar vouches for, without when and where that was made."""
    return {key: card.get(key) for key in ("sha256", "made_from", "epochs", "cer")}


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


def card_of(path: str) -> dict[str, Any]:
    """A sidecar; nothing where there is none."""
    return files.read_json(Path(path)) if Path(path).exists() else {}


def sha256_of(path: Path) -> str | None:
    """Of the bytes now: what is remembered is known by the time of its last change, too."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _digest(path.resolve(), status.st_mtime_ns, status.st_size)


@cache
def _digest(path: Path, _mtime: int, _size: int) -> str:
    return files.sha256(path)
