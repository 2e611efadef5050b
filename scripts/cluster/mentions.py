"""Which trainings configs mention: the union of several, in doubt more rather than fewer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scripts.common.errors import StepError
from scripts.reruns.parts import Part, updates_in


@dataclass
class Mentions:
    """What is mentioned: updates of each run, learning rates and seeds of each task, given checkpoints."""

    updates: dict[str, set[int]] = field(default_factory=dict)
    rates: dict[str, set[str]] = field(default_factory=dict)
    seeds: dict[str, set[str]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)

    def lacks(self, part: Part) -> str | None:
        """In words what of a milestone or a fine-tuning no config mentions; None where all is."""
        names = dict(part.names)
        model = names["model"]
        if model in self.updates:
            checkpoint = names.get("checkpoint", f"after-{names.get('updates')}-updates")
            # the best may be of any update
            if checkpoint.startswith("after-") and updates_in(checkpoint) not in self.updates[model]:
                return f"{checkpoint} of {model}"
        elif model not in self.given:
            return model
        if part.kind == "milestone":
            return None
        task = names["task"]
        if task not in self.rates:
            return task
        if names["lr"] not in self.rates[task]:
            return f"learning rate {names['lr']} of {task}"
        return None if names["seed"] in self.seeds[task] else f"seed {names['seed']} of {task}"


def of(configs: Sequence[Mapping[str, Any]]) -> Mentions:
    """What any of these configs mentions; each may be an overlay that leaves keys out."""
    found = Mentions()
    for config in configs:
        found.given |= set(config.get("checkpoints") or {})
        for model, run in (config.get("pretraining") or {}).items():
            updates = [*run.get("milestones", []), *([run["updates"]] if "updates" in run else [])]
            found.updates.setdefault(model, set()).update(updates)
        for name, task in (config.get("finetuning") or {}).items():
            found.rates.setdefault(name, set()).update(str(rate) for rate in task.get("learning_rates", []))
            found.seeds.setdefault(name, set()).update(str(seed) for seed in task.get("seeds", []))
    return found


def read(files: Sequence[Path]) -> Mentions:
    """What any of these files mentions."""
    configs = []
    for file in files:
        try:
            configs.append(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
            of(configs)
        except FileNotFoundError:
            raise StepError(f"{file} is not there: give --configfile the files that Snakemake was given") from None
        except (OSError, AttributeError, TypeError, ValueError, yaml.YAMLError):
            raise StepError(f"{file} is not a config of this workflow: give --configfile another") from None
    return of(configs)
