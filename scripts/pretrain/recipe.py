"""A fairseq recipe: as fairseq resolves it, and as far as it decides what a run learns."""

from pathlib import Path
from typing import Any

from fairseq.dataclass.initialize import add_defaults, hydra_init
from fairseq.dataclass.utils import omegaconf_no_object_check
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

# Sections and keys that change how a run is watched or fed, not what it learns.
NEUTRAL = {
    "checkpoint": None,  # all keys: when it saves and what it keeps
    "common": {"log_format", "log_interval", "tensorboard_logdir", "log_file", "no_progress_bar"},
    "dataset": {"num_workers", "data_buffer_size"},
}


def resolve(recipe: Path, overrides: list[str]) -> DictConfig:
    """The configuration that `fairseq-hydra-train --config-name recipe overrides...` would train with."""
    hydra_init(recipe.stem)
    with initialize_config_dir(config_dir=str(recipe.parent.resolve()), version_base="1.1"):
        config = compose(config_name=recipe.stem, overrides=overrides)
    add_defaults(config)
    with omegaconf_no_object_check():
        config = OmegaConf.create(OmegaConf.to_container(config, resolve=True, enum_to_str=True))
    OmegaConf.set_struct(config, True)
    return config


def decisive(recipe: Path) -> dict[str, Any]:
    """The keys of a recipe that decide what a run learns."""
    sections = OmegaConf.to_container(OmegaConf.load(recipe))
    kept = {}
    for name, keys in sections.items():
        if name not in NEUTRAL:
            kept[name] = keys
        elif NEUTRAL[name] is not None:
            kept[name] = {key: value for key, value in keys.items() if key not in NEUTRAL[name]}
    return kept
