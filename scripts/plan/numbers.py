"""The numbers of the table that a config asks for, and the files that each comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.results.scores import SUBSETS

PRETRAINED = "results/pretrain/{model}/{checkpoint}"
MANIFEST = "results/pretrain/{model}/manifest/{subset}.tsv"
DATA = "results/finetune/{task}/data"
ENCODER = "results/finetune/{task}/from/{model}/{checkpoint}/encoder"
BRANCH = "results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs"
AVERAGE = "results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/average-of-last-{last}"
TRANSCRIPT = "results/transcripts/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text"
SCORE = "results/cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.json"
UTTERANCES = "results/corpora/{corpus}/utterances.tsv"


@dataclass(frozen=True)
class Part:
    """A file (or folder) that a number comes from, the rule that makes it, and the sidecar that vouches for it."""

    rule: str
    file: str
    sidecar: str


@dataclass(frozen=True)
class Number:
    """A character error rate of one subset; `lr` and `seed` as in paths, `last`: how many epochs are averaged."""

    task: str
    model: str
    checkpoint: str
    lr: str
    seed: str
    subset: str
    last: int

    def path(self, template: str) -> str:
        return template.format(**vars(self))

    @property
    def score(self) -> str:
        return self.path(SCORE)

    @property
    def parts(self) -> list[Part]:
        """What it comes from, from pre-training to the score."""
        pretrained, encoder, branch = (self.path(template) for template in (PRETRAINED, ENCODER, BRANCH))
        average, text = self.path(AVERAGE), self.path(TRANSCRIPT)
        return [
            Part(_maker(self.checkpoint), f"{pretrained}.pt", f"{pretrained}.json"),
            Part("prepare_encoder", f"{encoder}.pt", f"{encoder}.json"),
            Part("finetune", branch, f"{branch}/provenance.json"),
            Part("average_weights", f"{average}.pth", f"{average}.json"),
            Part("transcribe", text, f"{text}.json"),
            Part("score_cer", self.score, self.score),
        ]


def _maker(checkpoint: str) -> str:
    """The rule that makes a checkpoint."""
    named = {"best": "choose_best", "given": "provide_checkpoint", "after-0-updates": "initialise"}
    return named.get(checkpoint, "pretrain")


def numbers(config: Mapping[str, Any]) -> list[Number]:
    """All numbers in the order of the table's rows."""
    found = []
    for item in config["experiments"]:
        settings = config["finetuning"][item["finetuning"]]
        found += [
            Number(item["finetuning"], model, checkpoint, str(lr), str(seed), subset, settings["average_last"])
            for model in item["from"]
            for checkpoint in checkpoints_of(config, model)
            for lr in settings["learning_rates"]
            for seed in settings["seeds"]
            for subset in SUBSETS
        ]
    return found


def checkpoints_of(config: Mapping[str, Any], model: str) -> list[str]:
    """The checkpoints of a model that the table wants, in its order."""
    if model in config["checkpoints"]:
        return ["given"]
    run = config["pretraining"][model]
    return [f"after-{n}-updates" for n in run["milestones"]] + ["best"] * run["best"]


def published_updates(run: Mapping[str, Any]) -> list[int]:
    """The updates at which a run of pre-training publishes a checkpoint: its milestones and its end."""
    return sorted({*run["milestones"], run["updates"]} - {0})
