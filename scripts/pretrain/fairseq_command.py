"""The words of `fairseq-hydra-train`, a call for each process: the recipe plus what only the workflow knows."""

import re
from dataclasses import dataclass
from pathlib import Path

from scripts.common import digests
from scripts.common.code import code_digest
from scripts.common.errors import StepError
from scripts.trainers.processes import TASK, TASK_OF_NODE, Processes

BF16 = (8, 0)  # compute capability (Ampere) from which GPUs calculate in bf16
PLUGIN = Path(__file__).resolve().parent / "fairseq_plugin"


@dataclass(frozen=True)
class Segment:
    """What fairseq is to do: train from the milestone before (`resume_from`, None at the start) to `updates`.

    `start_from`: of which the first segment of a run takes the weights alone, where it does not start from scratch.
    Paths are absolute: hydra changes the working directory.
    """

    recipe: Path
    data: Path
    work: Path
    updates: int
    update_freq: int
    precision: str  # fp32, fp16 or bf16
    seed: int
    resume_from: Path | None
    start_from: Path | None = None


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


def precision(requested: str, capability: tuple[int, int] | None) -> str:
    """fp32, fp16 or bf16 for a GPU of a compute capability (None: no GPU, always fp32).

    "auto" takes bf16, which needs no loss scaling, where the GPU has it. Raises StepError where it is asked for and
    the GPU lacks it: torch would only emulate it.
    """
    if capability is None:
        return "fp32"
    if requested == "auto":
        return "bf16" if capability >= BF16 else "fp16"
    if requested == "bf16" and capability < BF16:
        raise StepError("precision: bf16 is not what this GPU can do: use fp16 or auto")
    return requested


def overrides(segment: Segment, processes: Processes) -> list[str]:
    """Hydra overrides that all processes of a run share (the recipe holds everything else)."""
    words = [
        f"task.data={_quoted(segment.data)}",
        f"checkpoint.save_dir={_quoted(segment.work / 'checkpoints')}",
        f"common.user_dir={_quoted(PLUGIN)}",
        f"common.tensorboard_logdir={_quoted(segment.work / 'tensorboard')}",
        f"common.seed={segment.seed}",
        f"common.fp16={str(segment.precision == 'fp16').lower()}",
        f"common.bf16={str(segment.precision == 'bf16').lower()}",
        f"optimization.max_update={segment.updates}",
        f"optimization.update_freq=[{segment.update_freq}]",
        f"distributed_training.distributed_world_size={processes.count}",
    ]
    if processes.gpus == 0:
        words.append("common.cpu=true")
    if segment.resume_from is not None:
        words.append(f"checkpoint.continue_once={_quoted(segment.resume_from)}")
    if segment.start_from is not None:  # until there is a checkpoint_last.pt
        words.append(f"checkpoint.finetune_from_model={_quoted(segment.start_from)}")
    return words


def program() -> dict[str, str]:
    """Digests of what runs a recipe, wherever it lies: what our plugin makes of fairseq, and the words that we add."""
    here = Path()
    segment = Segment(here, here, here, updates=0, update_freq=1, precision="fp32", seed=0, resume_from=None)
    words = [word.replace(_quoted(PLUGIN), "'plugin'") for word in overrides(segment, Processes(gpus=1, per_node=1))]
    return {"fairseq_plugin": code_digest("scripts.pretrain.fairseq_numerics"), "command": digests.digest(words)}


def place_of(processes: Processes, rendezvous: str, rank: int | str, rank_of_node: int | str) -> list[str]:
    """Hydra overrides of one process among several: its numbers, and where it meets the others.

    fairseq's own ways to start several (spawn; torchrun) do not work on CPUs, so none is used on GPUs either.
    """
    return [
        f"distributed_training.distributed_backend={processes.backend}",
        f"distributed_training.distributed_init_method='{rendezvous}'",
        "distributed_training.distributed_no_spawn=true",
        f"distributed_training.distributed_rank={rank}",
        f"distributed_training.device_id={rank_of_node}",
        "checkpoint.load_checkpoint_on_all_dp_ranks=true",  # else the first sends it to the others, by GPU alone
    ]


def commands(segment: Segment, processes: Processes) -> list[list[str]]:
    """A call for each process; one call of srun where they spread over nodes."""
    call = [
        "fairseq-hydra-train",
        "--config-dir",
        str(segment.recipe.parent),
        "--config-name",
        segment.recipe.stem,
        f"hydra.run.dir={_quoted(segment.work / 'hydra')}",
        *overrides(segment, processes),
    ]
    if processes.count == 1:
        return [call]
    meeting = processes.rendezvous()
    if processes.nodes == 1:
        return [[*call, *place_of(processes, meeting, rank, rank)] for rank in range(processes.count)]
    return [[*processes.srun(), *call, *place_of(processes, meeting, TASK, TASK_OF_NODE)]]


def _quoted(path: Path) -> str:
    """A path as hydra's override grammar reads it back unchanged: there, backslashes escape only before a quote."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", str(path))
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"
