"""What our layer does about ESPnet's saving and ending. None of it decides a number: a change trains nothing again.

- checkpoint.pth is written in place, so that a kill at the wrong moment leaves nothing to resume from: it is written
  whole, checked, and noted, and the one before is kept (scripts/trainers/states.py);
- ESPnet's own averaging of epochs sums integer buffers and, asked for several averages, changes the first state it
  loaded in place: it is switched off, and scripts/finetune/average_weights.py averages instead;
- a wav that cannot be read would end it in a traceback that names no file, and one that was cut off in nothing;
- it shows that it lives, and workers that have read ahead are not waited for;
- its optimizer does without torch's compiler.
"""

import importlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

from scripts.common.errors import StepError
from scripts.finetune.espnet_states import STATE, check_state
from scripts.trainers import data_workers, life, states
from scripts.trainers.optimizers import without_compiler


def install() -> None:
    """Call it after espnet_numerics.install, before ESPnet's program."""
    trainer = importlib.import_module("espnet2.train.trainer")
    trainer.average_nbest_models = lambda *args, **kwargs: None
    torch.save = whole(torch.save)
    sounds = importlib.import_module("espnet2.fileio.sound_scp").SoundScpReader
    sounds.__getitem__ = naming_damage(sounds.__getitem__)
    reporter = importlib.import_module("espnet2.train.reporter").SubReporter
    reporter.next = living(reporter.next)
    data_workers.kill_at_exit()
    without_compiler(torch.optim.Adam)  # what the recipe names; another imports it as ever


def naming_damage(stock: Callable[..., Any]) -> Callable[..., Any]:
    """Read a wav, or raise a StepError that names it and its utterance."""

    def getitem(self: Any, utterance: str) -> Any:
        try:
            rate, samples = stock(self, utterance)
        except (OSError, RuntimeError) as error:  # libsndfile's is a RuntimeError
            raise _damaged(self, utterance, f"cannot be read: {' '.join(str(error).split())}") from None
        expected = _samples(Path(self.fname).with_name("speech_shape")).get(utterance, len(samples))
        if len(samples) != expected:
            raise _damaged(self, utterance, f"has {len(samples)} samples instead of {expected}")
        return rate, samples

    return getitem


def _damaged(reader: Any, utterance: str, what: str) -> StepError:
    return StepError(f"{reader.data[utterance]} of utterance {utterance} {what}: restore it and start again")


@cache
def _samples(shapes: Path) -> dict[str, int]:
    """How many samples each utterance had when the data was prepared."""
    lines = shapes.read_text(encoding="utf-8").splitlines() if shapes.exists() else []
    return {utterance: int(samples) for utterance, _, samples in (line.partition(" ") for line in lines)}


def living(stock: Callable[..., None]) -> Callable[..., None]:
    """Show at each micro-batch, of training and of validation, that the trainer lives."""

    def next_step(self: Any) -> None:
        life.beat()
        stock(self)

    return next_step


def whole(save: Callable[..., None]) -> Callable[..., None]:
    """torch.save that leaves a file under its name whole or not at all: checked, and with its digest noted."""

    def save_whole(value: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(file, str | os.PathLike):
            return save(value, file, *args, **kwargs)
        check = check_state if Path(file).name == STATE else states.check_finite
        with states.saved(Path(file), check) as opened:
            save(value, opened, *args, **kwargs)

    return save_whole
