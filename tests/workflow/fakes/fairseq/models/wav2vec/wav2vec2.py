"""What scripts/finetune/espnet_numerics.py replaces in the real module."""


def compute_mask_indices() -> None:
    """Never called."""
