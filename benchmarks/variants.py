"""Trainers that differ in what of fairseq is replaced, and what they compute."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import tasks, utils
from fairseq.logging import metrics
from fairseq.models.wav2vec import wav2vec2
from fairseq.optim.adam import Adam
from fairseq.trainer import Trainer

from benchmarks.parts import taken, wait
from scripts.pretrain import fairseq_numerics
from scripts.pretrain.fairseq_command import Segment, overrides
from scripts.pretrain.faster import adam, together
from scripts.pretrain.faster.install import turn_on
from scripts.pretrain.faster.switches import parse
from scripts.pretrain.initialise import resolve
from scripts.trainers.processes import Processes

REPOSITORY = Path(__file__).resolve().parents[1]
STOCK = "stock"
PATCHED = [(Trainer, "_set_seed"), (Trainer, "train_step"), (wav2vec2, "compute_mask_indices"), (torch.Tensor, "sqrt")]
PATCHED.append((Adam, "step"))


@dataclass(frozen=True)
class Work:
    """What an update computes."""

    recipe: Path
    device: str
    precision: str
    micro_batches: int
    utterances: int  # in each
    samples: int  # of each

    def batches(self) -> list[dict[str, Any]]:
        """Noise whose loudness changes."""
        random = np.random.default_rng(0)
        waves = 0.1 * (1 + np.sin(np.arange(self.samples) / 997))
        shape = (self.micro_batches, self.utterances, self.samples)
        sources = torch.from_numpy((random.standard_normal(shape, np.float32) * waves).astype(np.float32))
        return [{"id": torch.arange(len(source)), "net_input": {"source": source}} for source in sources]

    def seconds(self) -> float:
        """Of audio in an update."""
        return self.micro_batches * self.utterances * self.samples / 16_000


WORKS = {
    "cuda": Work(REPOSITORY / "config/pretrain/base.yaml", "cuda", "bf16", 8, 5, 250_000),
    "cpu": Work(REPOSITORY / "config/pretrain/demo.yaml", "cpu", "fp32", 4, 16, 32_000),
}


class Variant:
    """A trainer of its own, and what of fairseq is replaced while it computes."""

    def __init__(self, name: str, work: Work) -> None:
        self.name, self.batches = name, work.batches()
        self.functions = replaced(name)
        self.seconds: list[float] = []
        self.memory = 0.0  # GiB that an update takes beyond what lies there before it
        self.loss = float("nan")
        switches = parse([] if name == STOCK else name.split())
        segment = Segment(work.recipe, REPOSITORY, REPOSITORY, 400_000, work.micro_batches, work.precision, 1, None)
        config = resolve(work.recipe, overrides(segment, Processes(gpus=int(work.device == "cuda"), per_node=1)))
        utils.set_torch_seed(1)
        task = tasks.setup_task(config.task)
        with torch.device(work.device):  # or drawing 95 million numbers would take most of the time
            model = task.build_model(config.model)
        turn_on(task, model, switches)
        self.trainer = Trainer(config, task, model, task.build_criterion(config.criterion))
        self.trainer.lr_step_begin_epoch(1)
        self.trainer.lr_step_update()

    def update(self) -> None:
        for (owner, name), function in zip(PATCHED, self.functions, strict=True):
            setattr(owner, name, function)
        with metrics.aggregate("train_inner"):
            logged = self.trainer.train_step(self.batches)
        self.loss = float((logged or {}).get("loss", "nan"))

    def measure(self) -> None:
        """One update's time and memory."""
        with taken() as gib:
            wait()
            begin = time.perf_counter()
            self.update()
            wait()
            self.seconds.append(time.perf_counter() - begin)
        self.memory = gib["most"]


def current() -> list[Any]:
    return [getattr(owner, name) for owner, name in PATCHED]


@cache
def ways() -> dict[str, list[Any]]:
    """The functions of PATCHED: stock fairseq's, ours, and ours with Adam's."""
    found = {STOCK: current()}
    fairseq_numerics.install()
    together.install_in_trainer()
    found["ours"] = current()
    adam.install()
    return found | {"adam": current()}


def replaced(name: str) -> list[Any]:
    """Those of a variant."""
    return ways()[STOCK if name == STOCK else "adam" if "adam" in name.split() else "ours"]
