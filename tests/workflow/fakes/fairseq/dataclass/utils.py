"""What scripts/pretrain/initialise.py calls as it resolves a recipe."""

from contextlib import nullcontext as omegaconf_no_object_check

__all__ = ["omegaconf_no_object_check"]
