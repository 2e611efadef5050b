"""Recipes that cannot work, said before days are spent. Nothing is refused: at toy size they are chosen on purpose."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def of_config(config: Mapping[str, Any], repository: Path) -> Iterator[str]:
    """What the config and its recipes tell, before any corpus is read."""
    wanted = {model for item in config["experiments"] for model in item["from"]}
    for name, run in config["pretraining"].items():
        if name in wanted:
            recipe = yaml.safe_load((repository / run["recipe"]).read_text(encoding="utf-8")) or {}
            yield from of_recipe(recipe, f"pretraining.{name}", run["recipe"], run["updates"])


def of_recipe(recipe: Mapping[str, Any], key: str, path: str, updates: int) -> Iterator[str]:
    """A run that ends before its learning rate has been reached."""
    warmup = recipe.get("lr_scheduler", {}).get("warmup_updates") or 0
    if warmup > updates:
        yield (
            f"{key}.updates is {updates:,}, and lr_scheduler.warmup_updates in {path} {warmup:,}: the run ends before "
            "its learning rate is reached; raise the one or lower the other"
        )


def of_audio(recipe: Mapping[str, Any], key: str, lengths: Iterable[int], effective_gpus: int) -> Iterator[str]:
    """A batch that the training part cannot fill. `lengths`: of its files, in samples."""
    task, dataset = recipe.get("task", {}), recipe.get("dataset", {})
    crop, tokens = task.get("max_sample_size"), dataset.get("max_tokens")
    if not crop or not tokens:
        return
    files = sum(length >= (task.get("min_sample_size") or 0) for length in lengths)
    batch = max(tokens // crop, 1)
    words = f"dataset.max_tokens is {tokens:,} and task.max_sample_size {crop:,}"
    if files < batch:
        yield f"{key}: {files} files are fewer than the {batch} of one batch ({words}): lower max_tokens, or more audio"
    elif files < batch * effective_gpus:
        yield (
            f"{key}: an update takes {batch * effective_gpus} files ({words}, effective_gpus {effective_gpus}), and "
            f"there are {files}: an update is more than an epoch; lower effective_gpus, or more audio"
        )
