"""Look-ups in `exports`, which has been checked."""

import re

EXPORTS = {entry["name"]: entry for entry in config["exports"]}


def exported_as(*kinds):
    """Matches the names of what is exported as one of these."""
    return "|".join(re.escape(name) for name, entry in EXPORTS.items() if entry["what"] in kinds) or "(?!)"


def of_export(look_up):
    """look_up(entry) of the entry of `exports` that the wildcard names."""
    return lambda wildcards: look_up(EXPORTS[wildcards.export])


def of_its_corpus(look_up):
    """What look_up(corpus) says of the corpus of its task."""
    return of_export(lambda entry: look_up(config["finetuning"][entry["finetuning"]]["corpus"]))


def checkpoint_of(model, checkpoint):
    """The file of a checkpoint of pre-training."""
    best = checkpoint == "best"
    return f"results/pretrain/{model}/best.pt" if best else parts.checkpoint_part(config, model, checkpoint).file
