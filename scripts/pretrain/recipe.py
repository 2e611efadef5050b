"""A fairseq recipe, as far as it decides what a run learns."""

from pathlib import Path
from typing import Any

import yaml

# Sections and keys that change how a run is watched or fed, not what it learns.
NEUTRAL = {
    "checkpoint": None,  # all keys: when it saves and what it keeps
    "common": {"log_format", "log_interval", "tensorboard_logdir", "log_file", "no_progress_bar"},
    "dataset": {"num_workers", "data_buffer_size"},
}


def decisive(recipe: Path) -> dict[str, Any]:
    """The keys of a recipe that decide what a run learns."""
    sections = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    kept = {}
    for name, keys in sections.items():
        if name not in NEUTRAL:
            kept[name] = keys
        elif NEUTRAL[name] is not None:
            kept[name] = {key: value for key, value in keys.items() if key not in NEUTRAL[name]}
    return {name: keys for name, keys in kept.items() if keys != {}}
