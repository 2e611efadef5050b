"""What is rehearsed of a config: which runs and tasks, on how much of their corpora, and by which recipes."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster.rehearsal import corpus
from scripts.cluster.rehearsal.corpus import Corpus, Utterances
from scripts.common import files
from scripts.common.configuration import corpora_in_use
from scripts.common.provenance import REPOSITORY
from scripts.common.rates import SAMPLE_RATE
from scripts.common.tables import SUBSETS
from scripts.common.users import corpora_of
from scripts.reruns.parts import Part

UPDATES = 20
MARGIN = 1.2  # of audio: some is held out for validation, some of its sentences may be
SCORED = 64  # utterances of dev and of test
VALIDATED = 16  # files: fairseq drops what is no whole batch of eight
EPOCHS = 2

Recipe = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """`models`: runs of pre-training; `tasks`: by name of a task the checkpoint that is fine-tuned: model, name."""

    models: list[str]
    tasks: dict[str, tuple[str, str]]

    def targets(self, config: Mapping[str, Any]) -> list[str]:
        """What Snakemake is asked for; with the scores come the fine-tunings that they are of."""
        wanted = [Part.of("milestone", model=model, updates=UPDATES) for model in self.models]
        for task, (model, checkpoint) in self.tasks.items():
            entry = config["finetuning"][task]
            names = {"lr": entry["learning_rates"][0], "seed": entry["seeds"][0], "task": task}
            names |= {"model": model, "checkpoint": checkpoint}
            wanted += [Part.of("score", **names, subset=subset) for subset in SUBSETS]
        return [part.file for part in wanted]


def of(config: Mapping[str, Any]) -> Plan:
    """Every run of pre-training that the experiments use; each task once, from the first of its runs."""
    models, tasks = [], {}
    for item in config["experiments"]:
        runs = [model for model in item["from"] if model in config["pretraining"]]
        models += runs
        start = (runs[0], f"after-{UPDATES}-updates") if runs else (item["from"][0], "given")
        tasks.setdefault(item["finetuning"], start)
    return Plan(list(dict.fromkeys(models)), tasks)


class HydrasLoader(yaml.SafeLoader):
    """YAML as fairseq's hydra reads it: 1e-06 is a number there, and a text to yaml.safe_load (and to ESPnet)."""


HydrasLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def recipe_of(user: Mapping[str, Any]) -> Recipe:
    """The recipe of a run or a task, as it stands."""
    loader = HydrasLoader if "milestones" in user else yaml.SafeLoader
    with (REPOSITORY / user["recipe"]).open(encoding="utf-8") as file:
        return yaml.load(file, loader)


def seconds_an_update(recipe: Recipe, run: Mapping[str, Any], utterance: float) -> float | None:
    """How much speech an update of pre-training takes from the corpora, what is cropped included.

    `utterance`: seconds of one. None where the recipe does not say how large a batch is.
    """
    file = utterance * run["utterances_per_file"]
    crop = (recipe.get("task") or {}).get("max_sample_size")
    batch = recipe.get("dataset") or {}
    heard = min(file, crop / SAMPLE_RATE) if crop else file
    limits = [batch["max_tokens"] / SAMPLE_RATE / heard] if batch.get("max_tokens") and heard else []
    limits += [batch["batch_size"]] if batch.get("batch_size") else []
    return run["effective_gpus"] * min(limits) * file if limits else None


def utterances_an_update(recipe: Recipe) -> int:
    """At most, in fine-tuning."""
    return (recipe.get("batch_size") or 20) * (recipe.get("accum_grad") or 1)  # ESPnet's defaults


def choose(config: Mapping[str, Any], plan: Plan, surveys: Mapping[str, Corpus]) -> dict[str, Corpus]:
    """The part of each corpus that so few updates need."""
    chosen: dict[str, dict[str, Utterances]] = {name: {} for name in surveys}
    for model in plan.models:
        run = config["pretraining"][model]
        trains = {name: surveys[name].get("train", []) for name in corpora_of(run)}
        there = {name: sum(each.seconds for each in train) for name, train in trains.items()}
        count = sum(map(len, trains.values()))
        needed = seconds_an_update(recipe_of(run), run, sum(there.values()) / max(count, 1))
        share = 1.0 if needed is None else min(needed * UPDATES * MARGIN / max(sum(there.values()), 1e-9), 1.0)
        for name, train in trains.items():
            part = corpus.lasting(train, there[name] * share)
            chosen[name]["train"] = chosen[name].get("train", []) + part
    for task in plan.tasks:
        name, batch = config["finetuning"][task]["corpus"], utterances_an_update(recipe_of(config["finetuning"][task]))
        for subset, utterances in surveys[name].items():
            count = UPDATES * batch if subset == "train" else SCORED
            part = corpus.longest(utterances, batch) + corpus.spread(utterances, count)
            chosen[name][subset] = chosen[name].get(subset, []) + part
    for name, subsets in surveys.items():
        for subset in set(SUBSETS) & subsets.keys() - chosen[name].keys():  # others keep clear of their sentences
            chosen[name][subset] = corpus.spread(subsets[subset], SCORED)
        if not chosen[name]:
            chosen[name] = {subset: corpus.spread(those, SCORED) for subset, those in subsets.items()}
    return chosen


def overlay(config: Mapping[str, Any], plan: Plan, directory: Path, place: Path, part: Mapping[str, Corpus]) -> Recipe:
    """The whole config of the rehearsal. `directory`: where the paths of the config are seen from; `place`: its own."""
    small = deepcopy(dict(config))
    used = corpora_in_use(small)
    small["corpora"] = {name: entry for name, entry in small["corpora"].items() if name in used}
    for name, entry in small["corpora"].items():
        exclude = entry["exclude"] and str(directory / entry["exclude"])
        others = [other for other in entry["without_transcripts_of"] if other in used]
        entry |= {"format": "kaldi", "root": str(place / "corpora" / name), "exclude": exclude}
        entry["without_transcripts_of"] = others
    small["pretraining"] = {model: small["pretraining"][model] for model in plan.models}
    for model, run in small["pretraining"].items():
        utterances = sum(len(part[name].get("train", [])) for name in corpora_of(run))
        fraction = VALIDATED * run["utterances_per_file"] / max(utterances, 1)
        run |= {
            "validation_fraction": min(max(run["validation_fraction"], fraction), 0.5),
            "audio_shards": min(run["audio_shards"], 8),
            "recipe": str(place / f"recipes/pretrain-{model}.yaml"),
            "updates": UPDATES,
            "milestones": [UPDATES // 2, UPDATES],
            "best": False,
            "guard": "off",  # so few updates say nothing of what is learnt
        }
    given = {model for model, _ in plan.tasks.values()} | {run["start_from"] for run in small["pretraining"].values()}
    small["checkpoints"] = {name: entry for name, entry in small["checkpoints"].items() if name in given}
    for entry in small["checkpoints"].values():
        entry["path"] = entry["path"] and str(directory / entry["path"])
    small["finetuning"] = {task: small["finetuning"][task] for task in plan.tasks}
    for task, entry in small["finetuning"].items():
        entry |= {
            "recipe": str(place / f"recipes/finetune-{task}.yaml"),
            "learning_rates": entry["learning_rates"][:1],
            "seeds": entry["seeds"][:1],
            "train_hours": None,
            "average_last": min(entry["average_last"], EPOCHS),
        }
    starts = {task: dict.fromkeys([model, *plan.models]) for task, (model, _) in plan.tasks.items()}
    small["exports"] = []
    small["experiments"] = [{"finetuning": task, "from": list(models)} for task, models in starts.items()]
    return small


def pretraining_recipe(recipe: Recipe) -> Recipe:
    """The same, but for lines in the log, which decide nothing; it may be for a run of fewer updates than these."""
    small = deepcopy(recipe)
    small["common"] = (small.get("common") or {}) | {"log_interval": 1, "log_format": "json"}
    schedule = small.get("lr_scheduler") or {}
    if isinstance(schedule.get("total_num_update"), int):
        schedule["total_num_update"] = max(schedule["total_num_update"], UPDATES)
    return small


def finetuning_recipe(recipe: Recipe) -> Recipe:
    """The same in two short epochs, in which the whole encoder learns from the first update on: that takes the most."""
    small = recipe | {
        "max_epoch": EPOCHS,
        "num_iters_per_epoch": UPDATES // EPOCHS * (recipe.get("accum_grad") or 1),
        "keep_nbest_models": EPOCHS,
        "log_interval": UPDATES // EPOCHS // 2 * (recipe.get("accum_grad") or 1),
    }
    if "freeze_finetune_updates" in (recipe.get("encoder_conf") or {}):
        small["encoder_conf"] = recipe["encoder_conf"] | {"freeze_finetune_updates": 0}
    return small


def write(config: Mapping[str, Any], small: Mapping[str, Any], place: Path) -> Path:
    """Write recipes and config; the config's path."""
    for folder, catalogue, shorten in (
        ("pretrain", "pretraining", pretraining_recipe),
        ("finetune", "finetuning", finetuning_recipe),
    ):
        for name in small[catalogue]:
            text = yaml.safe_dump(shorten(recipe_of(config[catalogue][name])), allow_unicode=True, sort_keys=False)
            head = "# @package _group_\n" if folder == "pretrain" else ""
            files.write_text(place / f"recipes/{folder}-{name}.yaml", head + text)
    files.write_text(place / "config.yaml", yaml.safe_dump(dict(small), allow_unicode=True, sort_keys=False))
    return place / "config.yaml"
