"""What our plugin changes in what fairseq computes: pre-training becomes a function of seed, update, epoch and
utterances alone.

Stock fairseq draws masks from the operating system's entropy, keeps random streams running across updates and
changes its validation batches at every validation, so that a run that was killed and resumed ends elsewhere than one
that was not. With this, on the same machine and number of processes, both end with the same bits.
All that stands here decides milestones: a change has them trained again. What only saves is in fairseq_upkeep.py.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from fairseq import utils
from fairseq.data import data_utils, iterators
from fairseq.data.audio.raw_audio_dataset import RawAudioDataset
from fairseq.distributed import utils as distributed
from fairseq.models.wav2vec import wav2vec2
from fairseq.trainer import Trainer

from scripts.trainers import masks, square_root
from scripts.trainers.replacing import replace

MASKS, CROPS, VALIDATION = 7, 11, 13  # keep the random streams apart
Function = Callable[..., Any]


def install() -> None:
    """Replace what has to be replaced in fairseq main 3d262bb2 (ve-fairseq 0.12.3), and torch's square root."""
    replace(Trainer, "_set_seed", seed_each_update, known="a93fb6463d8e")
    replace(Trainer, "valid_step", same_validation, known="ef7afaba9529")
    replace(Trainer, "get_valid_iterator", fresh_validation_batches, known="bf6f0ea2d248")
    replace(RawAudioDataset, "collater", crops_by_epoch, known="da77756551e2")
    replace(RawAudioDataset, "set_epoch", remember_epoch, known="76b63b1c61b7")
    replace(iterators.EpochBatchIterator, "__init__", fresh_workers, known="1f1e74ce6470")
    wav2vec2.compute_mask_indices = masks.seeded(wav2vec2.compute_mask_indices)
    torch.Tensor.sqrt = square_root.exact(torch.Tensor.sqrt)  # which fairseq's Adam calls
    if not torch.cuda.is_available():
        # all_gather_list would allocate its buffers on a GPU unless they exist (two processes on CPU, gloo)
        distributed.all_gather_list._buffer = torch.ByteTensor(16384 * 64)
        distributed.all_gather_list._cpu_buffer = torch.ByteTensor(16384)


def _mix(*numbers: int) -> int:
    """One 31-bit seed from several numbers (numpy's SeedSequence spreads them)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def seed_each_update(stock: Function) -> Function:
    """Restart numpy's stream (layer drop, masks) at every update, as fairseq restarts torch's."""

    def set_seed(self: Trainer) -> None:
        stock(self)
        np.random.seed(_mix(self.cfg.common.seed, self.get_num_updates(), MASKS))

    return set_seed


def same_validation(stock: Function) -> Function:
    """Give a validation batch the same masks and negatives at every validation."""

    def valid_step(self: Trainer, sample: dict[str, Any], raise_oom: bool = False) -> Any:
        first = int(sample["id"][0]) if sample else 0
        seed = _mix(self.cfg.common.seed, first, VALIDATION)
        np.random.seed(seed)
        utils.set_torch_seed(seed)
        return stock(self, sample, raise_oom)

    return valid_step


def fresh_validation_batches(stock: Function) -> Function:
    """Make an iterator each time: the cached one would count epochs and change its batches."""

    def get_valid_iterator(self: Trainer, subset: str, disable_iterator_cache: bool = True) -> Any:
        return stock(self, subset, disable_iterator_cache=True)

    return get_valid_iterator


def crops_by_epoch(stock: Function) -> Function:
    """Crop by epoch and utterances, whichever worker collates, instead of by the worker's stream."""

    def collater(self: RawAudioDataset, samples: list[dict[str, Any]]) -> dict[str, Any]:
        utterances = [sample["id"] for sample in samples if sample["source"] is not None]
        with data_utils.numpy_seed(CROPS, getattr(self, "_epoch", 1), *utterances):
            return stock(self, samples)

    return collater


def remember_epoch(stock: Function) -> Function:
    """Remember the epoch for `crops_by_epoch`; the stock one does nothing."""

    def set_epoch(self: RawAudioDataset, epoch: int) -> None:
        self._epoch = epoch

    return set_epoch


def fresh_workers(stock: Function) -> Function:
    """Start workers anew each epoch: persistent ones keep a copy of the dataset that never hears `set_epoch`."""

    def init(self: iterators.EpochBatchIterator, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs | {"reuse_dataloader": False, "persistent_workers": False})

    return init
