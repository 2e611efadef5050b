"""Look-ups in the config, and the names of files that follow from it."""

from pathlib import Path

from scripts.trainers.dependency import after_living
from scripts.corpora.formats.known import FORMATS
from scripts.reruns.numbers import numbers
from scripts.reruns.parts import checkpoints_of, published_updates, shards_of

REPOSITORY = Path(workflow.basedir)
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"


wildcard_constraints:
    corpus=r"[a-z][a-z0-9-]*",
    model=r"[a-z][a-z0-9-]*",
    task=r"[a-z][a-z0-9-]*",
    checkpoint=r"after-\d+-updates|best|given",
    updates=r"[1-9]\d*",
    shard=r"\d+",
    lr=r"[0-9.e+-]+",
    seed=r"\d+",
    last=r"\d+",
    subset="train|valid|dev|test",


def optional(value):
    """A value for the command line of a step, where null leaves it out."""
    return [] if value is None else value


def corpus_of(catalogue, name):
    """The root of the corpus that a pre-training run or a task of fine-tuning uses, and the corpus's name."""
    corpus = config[catalogue][name]["corpus"]
    return {"name": corpus, **config["corpora"][corpus]}


def corpus_lists(name):
    """The files in which a corpus as distributed lists its utterances."""
    corpus = config["corpora"][name]
    return [f"{corpus['root']}/{file}" for file in FORMATS[corpus["format"]].lists]


def recipe_of(catalogue, name):
    """The path of a recipe: given relative to the repository."""
    return str(REPOSITORY / config[catalogue][name]["recipe"])


def shards(model, subset):
    """Numbers of the archives of a pre-training run's audio."""
    return shards_of(config["pretraining"][model], subset)


def chain_of(model):
    """The updates at which pre-training publishes a checkpoint: its milestones and its end."""
    return published_updates(config["pretraining"][model])


def waiting(rule, wildcards):
    """Options for sbatch, by which a job waits for one of a killed Snakemake that makes the same output."""
    return after_living(rule, tuple(wildcards), Path.cwd())


def scores():
    """One file a number of the table, in the order of its rows."""
    return [number.score.file for number in numbers(config)]


def models_with_best():
    """The pre-training runs of which the table shows the checkpoint with the lowest validation loss."""
    models = dict.fromkeys(model for item in config["experiments"] for model in item["from"])
    return [model for model in models if "best" in checkpoints_of(config, model)]


def labels():
    """NAME=LABEL of every task and model that has one."""
    entries = {**config["pretraining"], **config["checkpoints"], **config["finetuning"]}
    return [f"{name}={entry['label']}" for name, entry in entries.items() if entry["label"] is not None]


def experiment():
    """The config but for what only says how this call of Snakemake is meant."""
    return {key: value for key, value in config.items() if key != "repeat_pretraining"}
