"""How long it takes and how much disk until the table, from what a rehearsal measured and what the corpora hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.cluster.rehearsal.corpus import PLAIN, Corpus
from scripts.cluster.rehearsal.plan import UPDATES, Plan, Recipe, recipe_of
from scripts.cluster.words import size
from scripts.common.configuration import corpora_in_use
from scripts.common.rates import SAMPLE_RATE
from scripts.common.users import corpora_of
from scripts.reruns.parts import published_updates

FOLD = 80_000  # samples: scripts/finetune/espnet_command.py
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """Something that takes room, in bytes, with the arithmetic in words."""

    name: str
    bytes: float
    why: str


def updates_of(run: Config) -> int:
    """How many updates of a run the table needs."""
    return run["updates"] if run["best"] else max(run["milestones"])


def milestones_of(run: Config) -> int:
    """How many jobs that makes."""
    return len([end for end in published_updates(run) if end <= updates_of(run)])


def branches_of(config: Config, task: str) -> int:
    """How many fine-tunings of a task the table needs, at most: the best checkpoint may be a milestone."""
    starts: set[tuple[str, Any]] = set()
    for item in config["experiments"]:
        for model in item["from"] if item["finetuning"] == task else []:
            run = config["pretraining"].get(model, {"milestones": ["given"], "best": False})
            starts |= {(model, start) for start in [*run["milestones"], *["best"] * run["best"]]}
    settings = config["finetuning"][task]
    return len(starts) * len(settings["learning_rates"]) * len(settings["seeds"])


def updates_an_epoch(recipe: Recipe, seconds: Iterable[float]) -> int:
    """Of fine-tuning. Batches shrink with the length of their utterances, as ESPnet folds them."""
    size, lengths = recipe.get("batch_size") or 20, sorted(seconds)
    folds = (recipe.get("batch_type") or "folded") == "folded"
    batches = start = 0
    while start < len(lengths):
        start += max(size // (1 + int(lengths[start] * SAMPLE_RATE / FOLD)), 1) if folds else size
        batches += 1
    return -(-batches // (recipe.get("accum_grad") or 1))


def trained_on(task: Config, corpus: Corpus) -> list[float]:
    """Seconds of each utterance that a task trains on, about."""
    seconds = [each.seconds for each in corpus.get("train", [])]
    if task["train_hours"]:
        share = min(task["train_hours"] * 3600 / max(sum(seconds), 1e-9), 1.0)
        seconds = seconds[:: max(round(1 / share), 1)]
    return seconds


def hours_of(corpora: Mapping[str, Corpus], names: Iterable[str], subsets: Sequence[str] | None = None) -> float:
    """Hours of audio; of all subsets where none are named."""
    parts = [part for name in names for subset, part in corpora[name].items() if subsets is None or subset in subsets]
    return sum(each.seconds for part in parts for each in part) / 3600


def disk(config: Config, plan: Plan, corpora: Mapping[str, Corpus], place: Path) -> list[Item]:
    """What the whole experiment takes, from the sizes of what the rehearsal has made."""
    items = []
    for name in sorted(corpora_in_use(dict(config))):
        if config["corpora"][name]["convert"]:
            hours = hours_of(corpora, [name])
            items.append(Item(f"{name}, converted", hours * 3600 * PLAIN, f"{hours:,.1f} h"))
    for model in plan.models:
        run = config["pretraining"][model]
        hours = hours_of(corpora, corpora_of(run), ["train"])
        items.append(Item(f"{model}, packed audio", hours * 3600 * PLAIN, f"{hours:,.1f} h"))
        checkpoint = size_of([place / f"results/pretrain/{model}/after-{UPDATES}-updates.pt"])
        saves = (recipe_of(run).get("checkpoint") or {}).get("save_interval_updates") or 0
        kinds = 3 if 0 < saves <= updates_of(run) else 2
        why = f"of {milestones_of(run)} jobs {kinds} x {size(checkpoint)} each"
        items.append(Item(f"{model}, checkpoints", milestones_of(run) * kinds * checkpoint, why))
    for task, (model, start) in plan.tasks.items():
        entry, folder = config["finetuning"][task], place / f"results/finetune/{task}/from/{model}/{start}"
        count, epochs = branches_of(config, task), recipe_of(entry).get("max_epoch") or 1
        epoch = max(map(size_of, ([path] for path in folder.glob("*/*/epochs/*epoch.pth"))), default=0)
        others = size_of([*folder.glob("*/*/work/*/checkpoint.pth"), *folder.glob("*/*/average-of-last-*.pth")])
        why = f"{count} x ({epochs} epochs x {size(epoch)} + {size(others)})"
        items.append(Item(f"{task}, fine-tunings", count * (epochs * epoch + others), why))
        starts = count // len(entry["learning_rates"]) // len(entry["seeds"])
        encoder = size_of([folder / "encoder.pt"])
        items.append(Item(f"{task}, encoders", starts * encoder, f"{starts} x {size(encoder)}"))
    return items


def size_of(paths: Iterable[Path]) -> int:
    """Bytes of those files that are there."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def calibrated(corpora: Mapping[str, Corpus], factors: Mapping[str, float]) -> dict[str, Corpus]:
    """The same with other lengths: what was heard of a part says how far those that follow from sizes are off."""
    return {
        name: {
            subset: [type(each)(each.entry, each.seconds * factors.get(name, 1.0)) for each in utterances]
            for subset, utterances in corpus.items()
        }
        for name, corpus in corpora.items()
    }
