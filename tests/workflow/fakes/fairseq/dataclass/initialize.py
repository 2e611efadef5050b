"""What scripts/pretrain/initialise.py calls before it resolves a recipe."""


def hydra_init(name: str) -> None:
    """There is nothing to register."""


def add_defaults(config: object) -> None:
    """There are none."""
