"""How many processes train together, where, and how they meet: one a GPU, or as many as asked for on CPUs."""

import os
import socket
from dataclasses import dataclass

from scripts.common.errors import StepError
from scripts.trainers import slurm

# Filled in by each task that srun starts: OmegaConf reads the environment where fairseq resolves its configuration.
TASK, TASK_OF_NODE = "${oc.env:SLURM_PROCID}", "${oc.env:SLURM_LOCALID}"


@dataclass(frozen=True)
class Processes:
    """The processes of one trainer. `gpus` is the number that this node's job sees; 0: they compute on CPUs."""

    gpus: int
    per_node: int
    nodes: int = 1

    @property
    def count(self) -> int:
        """All processes."""
        return self.per_node * self.nodes

    @property
    def backend(self) -> str:
        """What torch.distributed exchanges gradients with."""
        return "nccl" if self.gpus else "gloo"

    def rendezvous(self) -> str:
        """Where they meet. The first process runs on this node, which is the first of a SLURM job."""
        host = "localhost" if self.nodes == 1 else socket.gethostname()
        return f"tcp://{host}:{_free_port()}"

    def srun(self) -> list[str]:
        """Words before a command that start it in all processes on all nodes of the job, beside the running step."""
        cores = max(len(os.sched_getaffinity(0)) // self.per_node, 1)  # left out, a process would get one
        shape = [f"--nodes={self.nodes}", f"--ntasks-per-node={self.per_node}", f"--ntasks={self.count}"]
        return ["srun", "--overlap", *shape, f"--cpus-per-task={cores}", "--cpu-bind=none", "--kill-on-bad-exit=1"]


def usable(gpus: int) -> int:
    """The GPUs that torch sees. Raises StepError where the job was given some and it sees none: CPUs would take years.

    TRAIN_ON_CPU=1 in the environment trains on CPUs all the same.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if gpus == 0 and given[:1].isalnum() and given != "NoDevFiles" and "TRAIN_ON_CPU" not in os.environ:
        raise StepError(
            f"the job was given GPUs (CUDA_VISIBLE_DEVICES={given}) that torch cannot use: "
            "see docs/troubleshooting.md, or set TRAIN_ON_CPU=1"
        )
    return gpus


def at_hand(gpus: int, cpu_processes: int) -> Processes:
    """The processes for the GPUs that the job sees on each of its nodes; without any, `cpu_processes` a node."""
    allocation = slurm.allocation()
    return Processes(gpus, gpus or cpu_processes, allocation.nodes if allocation else 1)


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("", 0))
        return int(opened.getsockname()[1])
