"""Who uses corpora: runs of pre-training and tasks of fine-tuning, as they stand in the config."""

from collections.abc import Mapping
from typing import Any


def corpora_of(user: Mapping[str, Any]) -> list[str]:
    """The corpora of a run of pre-training or a task of fine-tuning, in their order."""
    return [user["corpus"]] if isinstance(user["corpus"], str) else list(user["corpus"])
