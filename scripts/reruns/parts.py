"""The parts that a number of the table comes from, from the list of a corpus to the score: which there are, where each
lies, which rule makes it, and from which others it is made.
"""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.common import sidecars
from scripts.common.users import corpora_of

# What may stand for the wildcards of paths, as regular expressions. None has an underscore, nor a slash.
_NAME = r"[a-z][a-z0-9-]*"
WILDCARDS = {
    "corpus": _NAME,
    "model": _NAME,
    "task": _NAME,
    "checkpoint": r"after-\d+-updates|best-at-\d+-updates|given",
    "updates": r"[1-9]\d*",
    "shard": r"\d+",
    "lr": r"[0-9.e+-]+",
    "seed": r"\d+",
    "last": r"\d+",
    "subset": "train|valid|dev|test[a-z0-9-]*",
}

HEARD = ("train", "valid")  # the subsets of pre-training
BRANCH = "{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}"

# The rule that makes a kind of part, and the file (or folder) that it makes. The sidecar lies beside it.
KINDS = {
    "utterances": ("list_utterances", "results/corpora/{corpus}/utterances.tsv"),
    "converted": ("convert_audio", "results/corpora/{corpus}/audio"),
    "kept": ("drop_leakage", "results/corpora/{corpus}/without-leakage.tsv"),
    "split": ("split_validation", "results/pretrain/{model}/utterances/{subset}.tsv"),
    "archive": ("concatenate", "results/pretrain/{model}/audio/{subset}-{shard}.tsv"),
    "manifest": ("write_manifest", "results/pretrain/{model}/manifest/{subset}.tsv"),
    "initialisation": ("initialise", "results/pretrain/{model}/after-0-updates.pt"),
    "milestone": ("pretrain", "results/pretrain/{model}/after-{updates}-updates.pt"),
    "best-until": ("pretrain", "results/pretrain/{model}/best-until-{updates}-updates.pt"),
    "best": ("choose_best", "results/pretrain/{model}/best.json"),  # which update it is; best.pt is for people
    "given": ("provide_checkpoint", "results/pretrain/{model}/given.pt"),
    "data": ("prepare_data", "results/finetune/{task}/data"),
    "encoder": ("prepare_encoder", "results/finetune/{task}/from/{model}/{checkpoint}/encoder.pt"),
    "epochs": ("finetune", f"results/finetune/{BRANCH}/epochs"),
    "average": ("average_weights", f"results/finetune/{BRANCH}/average-of-last-{{last}}.pth"),
    "transcript": ("transcribe", "results/transcripts/" + BRANCH.replace("/from", "/{subset}/from") + "/text"),
    "score": ("score_cer", "results/cer/" + BRANCH.replace("/from", "/{subset}/from") + ".json"),
}


@dataclass(frozen=True)
class Part:
    """One part. `names`: what stands for the wildcards of its path."""

    kind: str
    names: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: str, **names: Any) -> "Part":
        """The part of this kind with these names; further names are left out."""
        _, template = KINDS[kind]
        needed = dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(template) if name)
        return cls(kind, tuple((name, str(names[name])) for name in needed))

    @cached_property
    def file(self) -> str:
        """What is made: a file, or a folder."""
        return KINDS[self.kind][1].format(**dict(self.names))

    @property
    def rule(self) -> str:
        """The rule that makes it."""
        return KINDS[self.kind][0]

    @cached_property
    def sidecar(self) -> str:
        """What vouches for it."""
        return sidecars.path_of(Path(self.file)).as_posix()

    def __getitem__(self, name: str) -> str:
        return dict(self.names)[name]


def glob_of(kind: str) -> str:
    """Finds the files of a kind that are there, below the working directory."""
    return re.sub(r"\{\w+\}", "*", KINDS[kind][1])


def match(kind: str, path: str) -> Part | None:
    """The part of a kind that lies at a path, from the working directory; None where none could."""
    pattern = re.sub(r"\\\{(\w+)\\\}", lambda name: f"(?P<{name[1]}>{WILDCARDS[name[1]]})", re.escape(KINDS[kind][1]))
    found = re.fullmatch(pattern, path)
    return Part.of(kind, **found.groupdict()) if found else None


def checkpoint_part(config: Mapping[str, Any], model: str, checkpoint: str) -> Part:
    """A checkpoint of the table, by the name that it has in paths."""
    if model in config["checkpoints"]:
        return Part.of("given", model=model)
    updates = updates_in(checkpoint)
    if checkpoint.startswith("best-at"):
        ends = [end for end in published_updates(config["pretraining"][model]) if end >= updates]
        return Part.of("best-until", model=model, updates=min(ends, default=updates))
    return Part.of("milestone" if updates else "initialisation", model=model, updates=updates)


def updates_in(checkpoint: str) -> int:
    """After how many updates of pre-training a checkpoint was saved whose name says it: ...-N-updates."""
    return int(checkpoint.split("-")[-2])


def checkpoints_of(config: Mapping[str, Any], model: str) -> list[str]:
    """The checkpoints of a model that the table wants, in its order; which one is the best (best.py) may be unknown."""
    if model in config["checkpoints"]:
        return ["given"]
    return [f"after-{n}-updates" for n in config["pretraining"][model]["milestones"]]


def published_updates(run: Mapping[str, Any]) -> list[int]:
    """The updates at which a run of pre-training publishes a checkpoint: its milestones and its end."""
    return sorted({*run["milestones"], run["updates"]} - {0})


def shards_of(run: Mapping[str, Any], subset: str) -> list[str]:
    """Numbers of the archives of a run's audio; the validation part is small enough for one."""
    return [f"{shard:04d}" for shard in range(run["audio_shards"] if subset == "train" else 1)]


def source_of(corpus: str, config: Mapping[str, Any]) -> Part:
    """What vouches for the audio of a corpus that is read: its list, or the folder into which it was converted."""
    return Part.of("converted" if config["corpora"][corpus]["convert"] else "utterances", corpus=corpus)


def above(part: Part, config: Mapping[str, Any]) -> list[Part]:
    """What a part is made from."""
    names = dict(part.names)
    run = config["pretraining"].get(names.get("model"), {})
    task = config["finetuning"].get(names.get("task"), {})
    match part.kind:
        case "kept":
            corpora = [names["corpus"], *config["corpora"][names["corpus"]]["without_transcripts_of"]]
            return [Part.of("utterances", corpus=corpus) for corpus in dict.fromkeys(corpora)]
        case "split":
            return [Part.of("kept", corpus=corpus) for corpus in corpora_of(run)]
        case "archive":
            return [Part.of("split", **names), *(source_of(corpus, config) for corpus in corpora_of(run))]
        case "manifest":
            return [Part.of("archive", **names, shard=shard) for shard in shards_of(run, names["subset"])]
        case "initialisation":
            return _start_of(run)
        case "milestone" | "best-until":
            return [*(Part.of("manifest", **names, subset=subset) for subset in HEARD), *_start_of(run)]
        case "best":
            return [Part.of("best-until", **names, updates=updates) for updates in published_updates(run)]
        case "converted":
            return [Part.of("utterances", corpus=names["corpus"])]
        case "data":
            return _list_and_source(task["corpus"], config)
        case "encoder":
            return [checkpoint_part(config, names["model"], names["checkpoint"])]
        case "epochs":
            return [Part.of("encoder", **names), Part.of("data", **names)]
        case "average":
            return [Part.of("epochs", **names)]
        case "transcript":
            average = Part.of("average", **names, last=task["average_last"])
            return [average, Part.of("encoder", **names), *_list_and_source(task["corpus"], config)]
        case "score":
            return [Part.of("transcript", **names), Part.of("utterances", corpus=task["corpus"])]
    return []


def _start_of(run: Mapping[str, Any]) -> list[Part]:
    """The checkpoint that a run goes on from; none for one from scratch."""
    return [Part.of("given", model=run["start_from"])] if run.get("start_from") else []


def _list_and_source(corpus: str, config: Mapping[str, Any]) -> list[Part]:
    return list(dict.fromkeys([Part.of("utterances", corpus=corpus), source_of(corpus, config)]))


def with_all_above(parts: Iterable[Part], config: Mapping[str, Any]) -> list[Part]:
    """Parts and everything that they come from, each once and behind what it is made from."""
    found: dict[Part, None] = {}

    def visit(part: Part) -> None:
        if part not in found:
            for other in above(part, config):
                visit(other)
            found[part] = None

    for part in parts:
        visit(part)
    return list(found)
