"""What is made again: see docs/decisions/0005-reruns-by-content.md. The comparing is done in scripts/plan."""

import re
import sys
from functools import cache

from snakemake.settings.enums import RerunTrigger

from scripts.common import digests, files
from scripts.common.code import code_digest
from scripts.plan.numbers import BRANCH, DATA, ENCODER, MANIFEST
from scripts.plan.products import Products
from scripts.pretrain.recipe import decisive

PRODUCTS = Products(config, REPOSITORY)


def code_of(rule):
    """A digest of a rule's command, and of our code that it runs without its comments."""

    def digest(wildcards):
        command = workflow.get_rule(rule).shellcmd
        (module,) = re.findall(r"python -m (\S+)", command)
        words = [word for word in command.split() if word != module]  # which may move
        return f"code {digests.digest([words, code_digest(module)])}"

    return digest


def content_of(path):
    """A digest of a file of the repository, whose date says nothing: a checkout sets it."""
    return f"content {files.sha256(Path(path))}"


@cache
def say(sentence):
    """Say it once."""
    logger.warning(sentence)


def forced():
    """Whether the user, or the process that started this one, says what is to run."""
    settings = workflow.dag_settings
    if workflow.is_main_process and settings.rerun_triggers - {RerunTrigger.MTIME, RerunTrigger.PARAMS}:
        sys.exit("error: rerun-triggers must be mtime and params, as profiles/default says: others repeat pre-training")
    return not workflow.is_main_process or settings.forceall or settings.forcerun or settings.forcetargets


def half_made(products):
    """Whether a Snakemake was killed while it made them. It makes them again; a trainer only publishes what it has."""
    return workflow.persistence._filter_incomplete_keys(products)


def cut_off(reasons, products, settled, upstream):
    """Inputs of a trainer's job: what it is made of, or next to nothing where its products stand.

    An edge to something that runs again would have the trainer run again. `settled` are outputs of checkpoints: once
    one is made, Snakemake asks here again. A dry run makes none. Until then they plan nothing, as long as they are
    there: so they are ancient here and update() there, or Snakemake would remove them before it makes them.
    """
    if reasons:
        workflow.dag.forcefiles.update(products)  # holds without .snakemake/metadata, too
        return upstream
    if forced() or half_made(products):
        return upstream
    workflow.dag.forcefiles.difference_update(products)  # what an earlier look has put there
    if not all(Path(product).exists() for product in products):
        return upstream
    return {} if workflow.dryrun else {name: ancient(file) for name, file in settled.items()}


def inputs_of_milestone(wildcards):
    """For pretrain. A finished milestone is trained again only if the user has said so."""
    model, updates = wildcards.model, int(wildcards.updates)
    reasons = PRODUCTS.milestone(model, updates)
    place, here = f"results/pretrain/{model}", f"after-{updates}-updates"
    if reasons and workflow.is_main_process:
        confirm(f"{place}/{here}.pt", reasons)
    before = milestone_before(model, updates)
    manifests = {subset: MANIFEST.format(model=model, subset=subset) for subset in ("train", "valid")}
    upstream = manifests | {
        "audio": [f"{place}/audio/{subset}-{shard}.zip" for subset in manifests for shard in shards(model, subset)],
        "before": [f"{place}/after-{n}-updates.pt" for n in before],
        "best_before": [f"{place}/best-until-{n}-updates.pt" for n in before],
    }
    products = [f"{place}/{name}{end}" for name in (here, f"best-until-{updates}-updates") for end in (".pt", ".json")]
    return cut_off(reasons, products, manifests, upstream)


def confirm(milestone, reasons):
    """Say why a finished milestone is to be trained again, and go on only with repeat_pretraining.

    Snakemake swallows the exit's own words if it comes in the middle of a run, where it also ends running jobs.
    """
    again = f"{milestone} is finished and would be trained again, because of {'; '.join(reasons)}"
    if config["repeat_pretraining"]:
        return say(f"{again}.")
    say(f"{again}: undo that change, or say --config repeat_pretraining=True.")
    if not workflow.dryrun:
        sys.exit("error: nothing is trained again without that")


def inputs_of_branch(wildcards):
    """For finetune."""
    names = {name: wildcards[name] for name in ("task", "model", "checkpoint")}
    reasons = PRODUCTS.branch(**names, lr=wildcards.lr, seed=wildcards.seed)
    encoder, data = ENCODER.format(**names), DATA.format(task=wildcards.task)
    epochs = BRANCH.format(**names, lr=wildcards.lr, seed=wildcards.seed)
    settled = {"data_sidecar": f"{data}.json", "encoder_sidecar": f"{encoder}.json"}
    return cut_off(reasons, [epochs], settled, settled | {"data": data, "encoder": f"{encoder}.pt"})


def scores_to_trace(wildcards):
    """For trace. A part that was replaced behind Snakemake's back, with an old date, has it look again."""
    if not forced() and PRODUCTS.replaced("results/provenance.json"):
        workflow.dag.forcefiles.add("results/provenance.json")
    return scores()


def made_from():
    """What all trainings start from: asked for beside the table, so that every change above them is seen."""
    branches = {(item["finetuning"], model) for item in config["experiments"] for model in item["from"]}
    models = sorted({model for _, model in branches if model in config["pretraining"]})
    return [
        *(MANIFEST.format(model=model, subset=subset) for model in models for subset in ("train", "valid")),
        *(f"{DATA.format(task=task)}.json" for task in sorted({task for task, _ in branches})),
        *(
            f"{ENCODER.format(task=task, model=model, checkpoint=checkpoint)}.json"
            for task, model in sorted(branches)
            for checkpoint in checkpoints_of(config, model)
        ),
    ]


if workflow.is_main_process:
    for sentence in PRODUCTS.other_environments():
        say(sentence)
