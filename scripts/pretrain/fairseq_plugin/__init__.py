"""fairseq plugin (common.user_dir): wav2vec 2.0 pre-training as a function of seed, update, epoch and utterances alone.

Stock fairseq draws masks from the operating system's entropy, keeps random streams running across updates and
changes its validation batches at every validation, so that a run that was killed and resumed ends elsewhere than one
that was not. With this plugin, on the same machine and number of processes, both end with the same bits.
It also lets a run be stopped at any update: see `_validate_and_save`.
Only functions of fairseq main 3d262bb2 (ve-fairseq 0.12.3) are replaced, each says why, and torch's square root: see
scripts/common/square_root.py.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import fairseq_cli.train
import numpy as np
import torch
from fairseq import checkpoint_utils, file_io, utils
from fairseq.data import data_utils, iterators
from fairseq.data.audio.raw_audio_dataset import RawAudioDataset
from fairseq.distributed import utils as distributed
from fairseq.models.wav2vec import wav2vec2
from fairseq.trainer import Trainer

from scripts.common import masks, square_root, workers

MASKS, CROPS, VALIDATION = 7, 11, 13  # keep the random streams apart


def _mix(*numbers: int) -> int:
    """One 31-bit seed from several numbers (numpy's SeedSequence spreads them)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _rank() -> int:
    """This process's number among those that train together."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def _set_seed(self: Trainer) -> None:
    """Restart numpy's stream (layer drop, masks) at every update, as fairseq restarts torch's."""
    _stock_set_seed(self)
    np.random.seed(_mix(self.cfg.common.seed, self.get_num_updates(), MASKS))


def _valid_step(self: Trainer, sample: dict[str, Any], raise_oom: bool = False) -> Any:
    """Give a validation batch the same masks and negatives at every validation."""
    first = int(sample["id"][0]) if sample else 0
    seed = _mix(self.cfg.common.seed, first, VALIDATION)
    np.random.seed(seed)
    utils.set_torch_seed(seed)
    return _stock_valid_step(self, sample, raise_oom)


def _get_valid_iterator(self: Trainer, subset: str, disable_iterator_cache: bool = True) -> Any:
    """A fresh iterator each time: the cached one would count epochs and change its batches."""
    return _stock_get_valid_iterator(self, subset, disable_iterator_cache=True)


def _collater(self: RawAudioDataset, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Crop by epoch and utterances, whichever worker collates, instead of by the worker's stream."""
    utterances = [sample["id"] for sample in samples if sample["source"] is not None]
    with data_utils.numpy_seed(CROPS, getattr(self, "_epoch", 1), *utterances):
        return _stock_collater(self, samples)


def _set_epoch(self: RawAudioDataset, epoch: int) -> None:
    """Remember the epoch for `_collater`."""
    self._epoch = epoch


def _iterator_init(self: iterators.EpochBatchIterator, *args: Any, **kwargs: Any) -> None:
    """Start fresh workers each epoch: persistent ones keep a copy of the dataset that never hears `set_epoch`."""
    _stock_iterator_init(self, *args, **kwargs | {"reuse_dataloader": False, "persistent_workers": False})


def _copy(source: str, target: str, overwrite: bool = False) -> str:
    """Copy a checkpoint atomically: a kill during fairseq's plain copy leaves a truncated checkpoint_last.pt."""
    shutil.copyfile(source, f"{target}.tmp")
    with open(f"{target}.tmp", "rb") as copied:
        os.fsync(copied.fileno())
    os.replace(f"{target}.tmp", target)
    return target


def _validate_and_save(cfg: Any, trainer: Trainer, task: Any, epoch_itr: Any, subsets: Any, end_of_epoch: bool) -> Any:
    """Save and leave where the step asks for it by a file `stop-requested` beside the checkpoints.

    Stock fairseq validates whenever it saves; a validation that only an interrupted run has could name another best
    checkpoint. So this writes checkpoint_last.pt alone. The first process decides, or some would leave without others.
    """
    losses, should_stop = _stock_validate_and_save(cfg, trainer, task, epoch_itr, subsets, end_of_epoch)
    requested = torch.tensor(int((Path(cfg.checkpoint.save_dir) / "stop-requested").exists()), device=trainer.device)
    if torch.distributed.is_initialized():
        torch.distributed.broadcast(requested, src=0)
    if should_stop or not requested.item():
        return losses, should_stop
    checkpoint_utils.save_checkpoint(cfg.checkpoint, trainer, epoch_itr, None)
    return losses, True


_stock_set_seed, Trainer._set_seed = Trainer._set_seed, _set_seed
_stock_valid_step, Trainer.valid_step = Trainer.valid_step, _valid_step
_stock_get_valid_iterator, Trainer.get_valid_iterator = Trainer.get_valid_iterator, _get_valid_iterator
_stock_collater, RawAudioDataset.collater = RawAudioDataset.collater, _collater
RawAudioDataset.set_epoch = _set_epoch
_stock_iterator_init, iterators.EpochBatchIterator.__init__ = iterators.EpochBatchIterator.__init__, _iterator_init
_stock_validate_and_save = fairseq_cli.train.validate_and_save
fairseq_cli.train.validate_and_save = _validate_and_save
file_io.PathManager.copy = staticmethod(_copy)
wav2vec2.compute_mask_indices = masks.seeded(wav2vec2.compute_mask_indices, _rank)
torch.Tensor.sqrt = square_root.exact(torch.Tensor.sqrt)  # which fairseq's Adam calls
workers.kill_at_exit()

if not torch.cuda.is_available():
    # all_gather_list would allocate its buffers on a GPU unless they exist (two processes on CPU, gloo)
    distributed.all_gather_list._buffer = torch.ByteTensor(16384 * 64)
    distributed.all_gather_list._cpu_buffer = torch.ByteTensor(16384)
