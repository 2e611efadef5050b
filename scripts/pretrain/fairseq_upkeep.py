"""What our plugin does about fairseq's saving and ending. None of it decides a number: a change trains nothing again.

A run can be stopped at any update, checkpoints are whole or not there, none that collapsed is the best, damaged audio
is named, it shows that it lives, workers end with their trainer, and it does without a compiler that it does not need.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fairseq_cli.train
import torch
from fairseq import checkpoint_utils
from fairseq.data.audio import raw_audio_dataset
from fairseq.file_io import PathManager
from fairseq.trainer import Trainer

from scripts.pretrain import collapse, packed
from scripts.pretrain.checkpoints import STOP_REQUESTED, check
from scripts.trainers import data_workers, life, states
from scripts.trainers.fairseq_log import number
from scripts.trainers.optimizers import without_compiler
from scripts.trainers.replacing import replace

Function = Callable[..., Any]


def install() -> None:
    """Replace what has to be replaced in fairseq main 3d262bb2 (ve-fairseq 0.12.3)."""
    replace(fairseq_cli.train, "validate_and_save", leave_when_asked, known="55091327efc0")
    verdict = Verdict()
    replace(fairseq_cli.train, "get_valid_stats", verdict.look, known="b943205579cd")
    replace(fairseq_cli.train, "validate", verdict.withhold, known="7a721818350f")
    replace(checkpoint_utils, "torch_persistent_save", save_whole, known="5f397c23bc88")
    replace(PathManager, "copy", copy_whole, known="e4ce3f5c1ff0")
    replace(raw_audio_dataset, "read_from_stored_zip", lambda _: packed.read, known="8693c2d72b8b")
    Trainer._prepare_sample = living(Trainer._prepare_sample)
    data_workers.kill_at_exit()
    without_compiler()  # fairseq's Adam has a step of its own


def living(stock: Function) -> Function:
    """Show at each micro-batch, of training and of validation, that the trainer lives."""

    def prepare_sample(self: Trainer, *args: Any, **kwargs: Any) -> Any:
        life.beat()
        return stock(self, *args, **kwargs)

    return prepare_sample


def leave_when_asked(stock: Function) -> Function:
    """Save and leave where the step asks for it by a file beside the checkpoints.

    Stock fairseq validates whenever it saves; a validation that only an interrupted run has could name another best
    checkpoint. So this writes checkpoint_last.pt alone. The first process decides, or some would leave without others.
    """

    def validate_and_save(cfg: Any, trainer: Any, task: Any, epoch_itr: Any, subsets: Any, end_of_epoch: bool) -> Any:
        losses, should_stop = stock(cfg, trainer, task, epoch_itr, subsets, end_of_epoch)
        is_asked = (Path(cfg.checkpoint.save_dir) / STOP_REQUESTED).exists()
        requested = torch.tensor(int(is_asked), device=trainer.device)
        if torch.distributed.is_initialized():
            torch.distributed.broadcast(requested, src=0)
        if should_stop or not requested.item():
            return losses, should_stop
        checkpoint_utils.save_checkpoint(cfg.checkpoint, trainer, epoch_itr, None)
        return losses, True

    return validate_and_save


class Verdict:
    """Whether the last validation was a collapsed model's, whose loss of 0 no later one would ever beat.

    Its losses are then withheld from fairseq, which saves as if it had not validated: the best stays the best. The log
    has them. All processes come to the same, as they share what is counted.
    """

    def __init__(self) -> None:
        self.collapsed = False

    def look(self, stock: Function) -> Function:
        """Look at the figures of the first validation part, which alone names the best."""

        def get_valid_stats(cfg: Any, trainer: Any, stats: dict[str, Any], tracking_best: bool) -> dict[str, Any]:
            if tracking_best:
                said = {"loss": "loss", "infonce": "loss_0", "code_perplexity": "code_perplexity"}
                found = {name: number(stats.get(key)) for name, key in said.items()}
                self.collapsed = collapse.is_collapsed(found | collapse.quantizer(cfg.model))
            return stock(cfg, trainer, stats, tracking_best and not self.collapsed)

        return get_valid_stats

    def withhold(self, stock: Function) -> Function:
        """Withhold the losses of a collapsed model."""

        def validate(*arguments: Any) -> list[float | None]:
            losses = stock(*arguments)
            return [None] * len(losses) if self.collapsed else losses

        return validate


def save_whole(stock: Function) -> Function:
    """Save a checkpoint that is read back and checked before it gets its name, and note its digest.

    Stock fairseq would repeat a write that failed behind the half that it has written.
    """

    def torch_persistent_save(value: Any, filename: str, async_write: bool = False) -> None:
        with states.saved(Path(filename), check) as file:
            torch.save(value, file)

    return torch_persistent_save


def copy_whole(stock: Function) -> Function:
    """Copy a checkpoint atomically: a kill during fairseq's plain copy leaves a truncated checkpoint_last.pt."""

    def copy(source: str, target: str, overwrite: bool = False) -> str:
        states.copied(Path(source), Path(target))
        return target

    return copy
