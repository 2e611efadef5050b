"""Look-ups in the config, and the names of files that follow from it."""

from pathlib import Path

from scripts.cluster.adoption import after_living
from scripts.plan.numbers import AVERAGE, checkpoints_of, numbers, published_updates

REPOSITORY = Path(workflow.basedir)
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
LISTS = {
    "aishell1": ["transcript/aishell_transcript_v0.8.txt"],
    "aishell2": ["wav.scp", "trans.txt"],
}


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
    return [f"{corpus['root']}/{file}" for file in LISTS[corpus["format"]]]


def recipe_of(catalogue, name):
    """The path of a recipe: given relative to the repository."""
    return str(REPOSITORY / config[catalogue][name]["recipe"])


def shards(model, subset):
    """Numbers of the archives of a pre-training run's audio; the validation part is small enough for one."""
    count = config["pretraining"][model]["audio_shards"] if subset == "train" else 1
    return [f"{shard:04d}" for shard in range(count)]


def chain_of(model):
    """The updates at which pre-training publishes a checkpoint: its milestones and its end."""
    return published_updates(config["pretraining"][model])


def milestone_before(model, updates):
    """The milestone that a segment of the chain resumes, in a list; empty for the first."""
    return [n for n in chain_of(model) if n < int(updates)][-1:]


def waiting(rule, wildcards):
    """Options for sbatch, by which a job waits for one of a killed Snakemake that makes the same output."""
    return after_living(rule, tuple(wildcards), Path.cwd())


def average_of(wildcards):
    """The averaged weights that a branch is transcribed with."""
    average = AVERAGE.format(**wildcards, last=config["finetuning"][wildcards.task]["average_last"])
    return f"{average}.pth"


def scores():
    """One file a number of the table, in the order of its rows."""
    return [number.score for number in numbers(config)]


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
