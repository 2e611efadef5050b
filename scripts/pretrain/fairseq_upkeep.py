"""What our plugin does about fairseq's saving and ending. None of it decides a number: a change trains nothing again.

A run can be stopped at any update, checkpoints are whole or not there, none that collapsed is the best, and workers end
with their trainer.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fairseq_cli.train
import torch
from fairseq import checkpoint_utils
from fairseq.file_io import PathManager

from scripts.common import files
from scripts.pretrain import collapse
from scripts.pretrain.checkpoints import STOP_REQUESTED
from scripts.trainers import data_workers
from scripts.trainers.fairseq_log import number
from scripts.trainers.replacing import replace

Function = Callable[..., Any]


def install() -> None:
    """Replace what has to be replaced in fairseq main 3d262bb2 (ve-fairseq 0.12.3)."""
    replace(fairseq_cli.train, "validate_and_save", leave_when_asked, known="55091327efc0")
    verdict = Verdict()
    replace(fairseq_cli.train, "get_valid_stats", verdict.look, known="b943205579cd")
    replace(fairseq_cli.train, "validate", verdict.withhold, known="7a721818350f")
    replace(PathManager, "copy", copy_whole, known="e4ce3f5c1ff0")
    data_workers.kill_at_exit()


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


def copy_whole(stock: Function) -> Function:
    """Copy a checkpoint atomically: a kill during fairseq's plain copy leaves a truncated checkpoint_last.pt."""

    def copy(source: str, target: str, overwrite: bool = False) -> str:
        with files.whole(Path(target)) as temporary:
            shutil.copyfile(source, temporary)
        return target

    return copy
