"""The words of one `fairseq-hydra-train` call: the recipe plus what only the workflow knows."""

import re
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import StepError

PLUGIN = Path(__file__).resolve().parent / "fairseq_plugin"


@dataclass(frozen=True)
class Segment:
    """One run of fairseq: from the milestone before (`resume_from`, None at the start) to `updates`.

    Paths are absolute: hydra changes the working directory.
    """

    recipe: Path
    data: Path
    work: Path
    updates: int
    update_freq: int
    gpus: int
    seed: int
    resume_from: Path | None


def update_freq(effective_gpus: int, processes: int) -> int:
    """Micro-batches a process accumulates for one update, so that the batch is that of `effective_gpus` GPUs.

    Baevski et al. (2020) trained on 64 GPUs; 8 GPUs with 8 accumulated micro-batches see the same batch.
    Raises StepError, naming the nearest numbers, where the division leaves a remainder.
    """
    if effective_gpus % processes == 0:
        return effective_gpus // processes
    fitting = [n for n in range(1, effective_gpus + 1) if effective_gpus % n == 0]
    nearest = [max(n for n in fitting if n < processes), *[n for n in fitting if n > processes][:1]]
    multiples = [n for n in (effective_gpus // processes * processes, -(-effective_gpus // processes) * processes) if n]
    raise StepError(
        f"effective_gpus: {effective_gpus} cannot be reached with {processes} GPUs: "
        f"use {' or '.join(map(str, nearest))} GPUs, or set effective_gpus to {' or '.join(map(str, multiples))}"
    )


def overrides(segment: Segment) -> list[str]:
    """Hydra overrides of a run (the recipe holds everything else). Without a GPU it runs in fp32 on one CPU process."""
    words = [
        f"task.data={_quoted(segment.data)}",
        f"checkpoint.save_dir={_quoted(segment.work / 'checkpoints')}",
        f"common.user_dir={_quoted(PLUGIN)}",
        f"common.tensorboard_logdir={_quoted(segment.work / 'tensorboard')}",
        f"common.seed={segment.seed}",
        f"optimization.max_update={segment.updates}",
        f"optimization.update_freq=[{segment.update_freq}]",
        f"distributed_training.distributed_world_size={max(segment.gpus, 1)}",
    ]
    if segment.gpus == 0:
        words += ["common.cpu=true", "common.fp16=false"]
    if segment.resume_from is not None:
        words.append(f"checkpoint.continue_once={_quoted(segment.resume_from)}")
    return words


def command(segment: Segment) -> list[str]:
    """The whole call."""
    return [
        "fairseq-hydra-train",
        "--config-dir",
        str(segment.recipe.parent),
        "--config-name",
        segment.recipe.stem,
        f"hydra.run.dir={_quoted(segment.work / 'hydra')}",
        *overrides(segment),
    ]


def _quoted(path: Path) -> str:
    """A path as hydra's override grammar reads it back unchanged: there, backslashes escape only before a quote."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", str(path))
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"
