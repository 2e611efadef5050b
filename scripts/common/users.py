"""Who uses corpora, and which subsets: runs of pre-training and tasks of fine-tuning, as they stand in the config."""

from collections.abc import Mapping
from typing import Any

DEV = "dev"  # on which all that is chosen is chosen
SUBSETS = [DEV, "test"]  # that are scored where a task names no test sets: the columns of the published table
HELD_OUT = (DEV, "test")  # how the names of subsets begin whose sentences no training hears: of every test set


def corpora_of(user: Mapping[str, Any]) -> list[str]:
    """The corpora of a run of pre-training or a task of fine-tuning, in their order."""
    return [user["corpus"]] if isinstance(user["corpus"], str) else list(user["corpus"])


def scored_of(task: Mapping[str, Any]) -> list[str]:
    """The subsets on which a task of fine-tuning is scored: dev, and its test sets in their order."""
    return [DEV, *([task["test"]] if isinstance(task["test"], str) else task["test"])]
