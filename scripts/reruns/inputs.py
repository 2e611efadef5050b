"""Which files the rules wait for that are spared: what is needed to make a product, and what decides whether it runs.

`settled` are outputs of checkpoints of Snakemake: once one is made, Snakemake asks the jobs that wait for it again.
Whatever stands below a trainer waits for all that decide whether the trainer runs; it would else be done before.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.common.users import scored_of
from scripts.reruns.best import choices
from scripts.reruns.numbers import numbers
from scripts.reruns.parts import (
    HEARD,
    Part,
    checkpoints_of,
    published_updates,
    shards_of,
    source_of,
    with_all_above,
)

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What a spared step makes, what it waits for to be settled, and its other inputs by name."""

    parts: list[Part]
    settled: list[str]
    others: dict[str, list[str]]


def audio_settled(config: Config, model: str) -> list[str]:
    """What decides whether a run of pre-training is trained again; a checkpoint that was given is not."""
    if model in config["checkpoints"]:
        return []
    return [Part.of("manifest", model=model, subset=subset).sidecar for subset in HEARD]


def training_settled(config: Config, names: Mapping[str, str]) -> list[str]:
    """What decides whether a checkpoint is fine-tuned again."""
    return [*audio_settled(config, names["model"]), *(Part.of(kind, **names).sidecar for kind in ("data", "encoder"))]


def all_settled(config: Config) -> list[str]:
    """What all trainings of the table start from, but for those of best checkpoints (`of_table`)."""
    branches = {(item["finetuning"], model): None for item in config["experiments"] for model in item["from"]}
    found = [path for _, model in branches for path in audio_settled(config, model)]
    found += [Part.of("data", task=task).sidecar for task, _ in branches]
    for task, model in branches:
        names = {"task": task, "model": model}
        found += [Part.of("encoder", **names, checkpoint=name).sidecar for name in checkpoints_of(config, model)]
    return list(dict.fromkeys(found))


def of_table(config: Config, chosen: Collection[str]) -> dict[str, list[str]]:
    """For trace and tabulate. `chosen`: the models of which it is known which checkpoint is the best.

    What says so may then have been deleted: the table's record vouches for it.
    """
    shown = numbers(config)
    best = [number for number in shown if number.is_best and number.model in chosen]
    encoders = dict.fromkeys(Part.of("encoder", **vars(number)).sidecar for number in best)
    return {
        "scores": [number.score.file for number in shown if not number.is_best],
        "best": [c.file for c in choices(config) if c["model"] not in chosen or Path(c.file).exists()],
        "best_scores": [number.score.file for number in best],
        "settled": list(dict.fromkeys([*all_settled(config), *encoders])),
    }


def settled_before(part: Part, config: Config) -> list[str]:
    """What decides whether a trainer above a part runs again, for parts that are not spared themselves."""
    if part.kind in ("encoder", "best"):
        return audio_settled(config, part["model"])
    if part.kind in ("average", "score"):
        return training_settled(config, dict(part.names))
    return []


def archives(config: Config, model: str) -> list[str]:
    """The packed audio of a run of pre-training."""
    names = [(subset, shard) for subset in HEARD for shard in shards_of(config["pretraining"][model], subset)]
    files = [Part.of("archive", model=model, subset=subset, shard=shard).file for subset, shard in names]
    return [Path(file).with_suffix(".zip").as_posix() for file in files]


def milestones(config: Config, model: str) -> list[Part]:
    """All milestones of a run of pre-training."""
    return [Part.of("milestone", model=model, updates=n) for n in published_updates(config["pretraining"][model])]


def branches(config: Config) -> list[Part]:
    """All fine-tunings of the table, but that of a best checkpoint that is no milestone: none knows it beforehand."""
    parts = with_all_above([number.score for number in numbers(config) if not number.is_best], config)
    return [part for part in parts if part.kind == "epochs"]


def of_milestone(config: Config, names: Mapping[str, str]) -> Inputs:
    """For pretrain: manifests, audio, and the milestone before with the best until then.

    Before the first is the model at 0 updates where the run goes on from a checkpoint that was given.
    """
    model, run = names["model"], config["pretraining"][names["model"]]
    earlier = [n for n in published_updates(run) if n < int(names["updates"])][-1:]
    others = {subset: [Part.of("manifest", model=model, subset=subset).file] for subset in HEARD}
    others["audio"] = archives(config, model)
    before = {kind: [Part.of(kind, model=model, updates=n) for n in earlier] for kind in ("milestone", "best-until")}
    if not earlier and run.get("start_from"):
        before["milestone"] = [Part.of("initialisation", model=model)]
    others["before"] = [part.file for part in before["milestone"]]
    others["best_before"] = [part.file for part in before["best-until"]]
    others["sidecars"] = [part.sidecar for part in (*before["milestone"], *before["best-until"])]
    parts = [Part.of(kind, **names) for kind in ("milestone", "best-until")]
    return Inputs(parts, audio_settled(config, model), others)


def of_branch(config: Config, names: Mapping[str, str]) -> Inputs:
    """For finetune: what it starts from, and the data."""
    others = {kind: [Part.of(kind, **names).file] for kind in ("encoder", "data")}
    return Inputs([Part.of("epochs", **names)], training_settled(config, names), others)


def of_transcripts(config: Config, names: Mapping[str, str]) -> Inputs:
    """For transcribe: averaged weights with what else ESPnet needs to load them, and the utterances. `names` may say of
    which subset alone the transcripts are.
    """
    task = config["finetuning"][names["task"]]
    average = Part.of("average", **names, last=task["average_last"])
    utterances, source = Part.of("utterances", corpus=task["corpus"]), source_of(task["corpus"], config)
    others = {
        "weights": [average.file],
        "config": [Path(average.file).with_suffix(".yaml").as_posix()],
        "sidecars": [average.sidecar],
        "encoder": [Part.of("encoder", **names).file],
        "utterances": [utterances.file],
        "source": [source.file],
    }
    settled = [*dict.fromkeys([utterances.sidecar, source.sidecar]), *training_settled(config, names)]
    return Inputs(_of_subsets("transcript", config, names), settled, others)


def of_errors(config: Config, names: Mapping[str, str]) -> dict[str, list[str]]:
    """For list_errors: what was said and heard, and what fine-tuning has heard. `names`: as for transcribe."""
    return {
        "hypotheses": [part.file for part in _of_subsets("transcript", config, names)],
        "utterances": [Part.of("utterances", corpus=config["finetuning"][names["task"]]["corpus"]).file],
        "data": [Part.of("data", **names).file],
        # which know whether a transcript was exchanged
        "scores": [part.file for part in _of_subsets("score", config, names)],
    }


def _of_subsets(kind: str, config: Config, names: Mapping[str, str]) -> list[Part]:
    subsets = [names["subset"]] if names.get("subset") else scored_of(config["finetuning"][names["task"]])
    return [Part.of(kind, **{**names, "subset": subset}) for subset in subsets]
