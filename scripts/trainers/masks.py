"""Masks that follow the seed. fairseq draws them from the operating system's entropy unless it is told a seed."""

from collections.abc import Callable
from typing import Any

import numpy as np


def own_rank() -> int:
    """This process's number among those that train together."""
    import torch.distributed  # the rest of this module needs no torch

    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def seeded(compute_mask_indices: Callable[..., Any], rank: Callable[[], int] = own_rank) -> Callable[..., Any]:
    """Wrap fairseq's `compute_mask_indices` (fairseq/data/data_utils.py) to draw its seed from numpy's global stream.

    Whoever reseeds numpy (ESPnet at each epoch, our fairseq plugin at each update) thereby fixes the masks. The rank
    of the process is added, so that processes that share numpy's seed do not share their masks.
    """

    def compute(shape: tuple[int, int], *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("seed") is None:
            seed = int(np.random.randint(2**31)) + rank()
            kwargs |= {"seed": seed, "epoch": 0, "indices": np.arange(shape[0])}
        return compute_mask_indices(shape, *args, **kwargs)

    return compute
