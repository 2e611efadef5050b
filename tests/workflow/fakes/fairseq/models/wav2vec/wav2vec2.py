"""What scripts/finetune/espnet_layer.py replaces in the real module."""


def compute_mask_indices() -> None:
    """Never called."""
