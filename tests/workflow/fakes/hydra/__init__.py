"""As much of hydra as scripts/pretrain/initialise.py calls: a recipe with what is written over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

FOLDER: list[Path] = []


@contextmanager
def initialize_config_dir(config_dir: str, **_: Any) -> Iterator[None]:
    """Where recipes lie."""
    FOLDER[:] = [Path(config_dir)]
    yield


def compose(config_name: str, overrides: list[str]) -> DictConfig:
    """The recipe, in which everything may be written over."""
    recipe = OmegaConf.load(FOLDER[0] / f"{config_name}.yaml")
    seed = [word for word in overrides if word.startswith("common.seed=")]
    sections = OmegaConf.create({"model": {}, "task": {}, "criterion": {}, "common": {}})
    return OmegaConf.merge(sections, recipe, OmegaConf.from_dotlist(seed))
