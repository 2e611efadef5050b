"""Look-ups in the config, and the names of files that follow from it."""

import json
from pathlib import Path

from scripts.common.users import corpora_of
from scripts.common.sidecars import path_of
from scripts.common.tables import SUBSETS
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.identity import SPELLING
from scripts.finetune.identity import FRAMES
from scripts.reruns.numbers import labels as labels_of, numbers
from scripts.reruns import inputs, parts
from scripts.reruns.best import models_with_best
from scripts.reruns.parts import HEARD, WILDCARDS, Part, above, shards_of
from scripts.trainers.dependency import after_living


wildcard_constraints:
    **WILDCARDS,


PUBLISHED_CURVE = f"{REPOSITORY}/config/published-curve.tsv"  # of pre-training: scripts/trainers/beside.py


# Look-ups. A `user` of a corpus or a recipe is a path in the config: pretraining/{model} or finetuning/{task}.


def decides_nothing(look_up):
    """A param of which another value alone makes nothing again: Snakemake compares none that may depend on inputs."""
    return lambda wildcards, input: look_up(wildcards)


def options(entry, *keys):
    """Options of a step for keys that an entry of the config may leave out: --key VALUE, or --key alone where it is
    true.
    """
    entry_of = lookup(entry, within=config)

    def words(wildcards):
        given = [(f"--{key.replace('_', '-')}", entry_of(wildcards)[key]) for key in keys]
        said = [(name, value) for name, value in given if value or type(value) in (int, float)]
        return [word for name, value in said for word in ([name] if value is True else [name, value])]

    return words


def for_each_corpus(user, of_one):
    """of_one(corpus) of each that a run of pre-training or a task of fine-tuning uses."""
    entry_of = lookup(user, within=config)
    return lambda wildcards: [of_one(corpus) for corpus in corpora_of(entry_of(wildcards))]


def root_of(user):
    """Where the corpora lie."""
    return for_each_corpus(user, lambda corpus: config["corpora"][corpus]["root"])


def list_of(user, name):
    """One of the lists of the corpora."""
    return for_each_corpus(user, lambda corpus: f"results/corpora/{corpus}/{name}")


def source_of(user):
    """What vouches for the audio of the corpora. Its date decides nothing."""
    return for_each_corpus(user, lambda corpus: ancient(parts.source_of(corpus, config).file))


def recipe_of(user):
    """The path of a recipe: given relative to the repository."""
    recipe = lookup(f"{user}/recipe", within=config)
    return lambda wildcards: str(REPOSITORY / recipe(wildcards))


# Names of files


def corpus_lists(wildcards):
    """The files in which a corpus lists its utterances, and ours of those that are not used."""
    corpus = config["corpora"][wildcards.corpus]
    lists = FORMATS[corpus["format"]].lists(Path(corpus["root"]))
    exclude = corpus["exclude"]
    return [*(f"{corpus['root']}/{file}" for file in lists), *([exclude] if exclude else [])]


def heldout_lists(wildcards):
    """The transcripts that a corpus must not hold, one file a corpus that they come from."""
    others = config["corpora"][wildcards.corpus]["without_transcripts_of"]
    return [f"results/corpora/{other}/heldout.tsv" for other in others]


def files_above(kind):
    """The files that a kind of part is made from."""
    return lambda wildcards: [part.file for part in above(Part.of(kind, **wildcards), config)]


def with_sidecar(**product):
    """Outputs, and the sidecars that lie beside them: scripts/common/sidecars.py."""
    return product | {f"{name}_sidecar": str(path_of(Path(path))) for name, path in product.items()}


def by_subset(path, subsets):
    """One path a subset: its name stands for {}."""
    return {subset: path.format(subset) for subset in subsets}


def scored(path):
    """The same as a list, of the subsets that are scored."""
    return list(by_subset(path, SUBSETS).values())


def with_lasting_sidecar(**product):
    """The same of a checkpoint: trainings wait for the sidecar alone, so that it stays until it is replaced."""
    outputs = with_sidecar(**product)
    return {name: path if name in product else update(path) for name, path in outputs.items()}


def in_report(path, category):
    """An output that `snakemake --report` shows, with the caption of its name."""
    return report(path, caption=f"../report/{Path(path).stem}.rst", category=category)


def known_as(rule):
    """What Snakemake calls one of our rules. Whoever imports it may have given it another name."""
    return getattr(rules, rule).rule.name


def waiting(rule, wildcards):
    """Options for sbatch, by which a job waits for one of a killed Snakemake that makes the same output."""
    return after_living(known_as(rule), tuple(wildcards), Path.cwd())


# What the table wants


def scores():
    """One file a number of the table, in the order of its rows, but for those of best checkpoints."""
    return [number.score.file for number in numbers(config) if not number.is_best]


def models():
    """The pre-training runs and checkpoints of the table."""
    return list(dict.fromkeys(model for item in config["experiments"] for model in item["from"]))


def curves():
    """The curve of each pre-training run of the table."""
    return [f"results/pretrain/{model}/curve.tsv" for model in models() if model in config["pretraining"]]


def branch_curves():
    """The curve of each fine-tuning of the table."""
    return [str(Path(part.file).with_name("curve.tsv")) for part in inputs.branches(config)]


def pictures_of_errors():
    """What is misheard, drawn."""
    return [f"results/errors/{name}.svg" for name in ("kinds", "groups", "confused")]


def labels():
    """NAME=LABEL of every task and model that has one."""
    return [f"{name}={label}" for name, label in labels_of(config).items() if label is not None]


def published():
    """What others have published on the tasks of the table: the path of a file by task, for those that have one."""
    tasks = dict.fromkeys(item["finetuning"] for item in config["experiments"])
    paths = {task: config["finetuning"][task]["published"] for task in tasks}
    return {task: str(REPOSITORY / path) for task, path in paths.items() if path is not None}


def references():
    """TASK=LIST: where the transcripts that were said stand, for each task of the table."""
    tasks = dict.fromkeys(item["finetuning"] for item in config["experiments"])
    return [f"{task}={Part.of('utterances', corpus=config['finetuning'][task]['corpus']).file}" for task in tasks]


NO_PART_OF_IT = ("look_again", "repeat_pretraining", "exports")


def experiment():
    """The config but for what only says how this call of Snakemake is meant, and what becomes of the models then."""
    return {key: value for key, value in config.items() if key not in NO_PART_OF_IT}


def experiment_in_json(wildcards):
    """The same for a command line. (Snakemake would take a text's braces for wildcards.)"""
    return json.dumps(experiment(), ensure_ascii=False)
