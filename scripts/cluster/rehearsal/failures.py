"""Why a rehearsal failed, in a sentence that names a key and what to do."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.trainers.work import LOG

# What a log says (the first that fits), and what it means. {key}, {recipe}: of the run or task whose log it is.
OF_A_TRAINER = {
    r"OutOfMemoryError|CUDA out of memory|attempting to recover from OOM": (
        "{key} does not fit into the GPU's memory: {smaller}, or take GPUs with more memory (gpu_model in the profile)"
    ),
    r"unable to (?:open|allocate) shared memory|insufficient shared memory|unable to write to file </torch_": (
        "{key}: /dev/shm is too small for its data workers: give the container or job more (--shm-size), or lower "
        "num_workers in {recipe}"
    ),
    r"No space left on device|Disk quota exceeded": "{key}: no space left on the disk or in /dev/shm: make room",
    r"NCCL error|ncclSystemError|ncclUnhandledCudaError": (
        "{key}: its GPUs do not reach one another (NCCL): set NCCL_DEBUG=INFO, and NCCL_SOCKET_IFNAME where there are "
        "several networks"
    ),
}
OF_A_JOB = {
    r"OUT_OF_MEMORY|oom-kill|exit code -9\b": (
        "{rule} needs more memory: raise mem_mb of set-resources.{rule} in the profile"
    ),
    r"\bTIMEOUT\b|got nowhere within the job's time limit": (
        "{rule} ran out of time: raise runtime of set-resources.{rule} in the profile"
    ),
    r"[Ii]nvalid account": "sbatch takes no such account: mend slurm_account in the profile",
    r"[Ii]nvalid partition": "sbatch takes no such partition: mend slurm_partition in the profile",
    r"Requested node configuration is not available": (
        "no node has what a job asks for: lower cpus_per_task, mem_mb or gpu in the profile"
    ),
}
_SMALLER = {
    "pretraining": "halve max_tokens in {recipe} and double {key}.effective_gpus",
    "finetuning": "halve batch_size in {recipe} and double accum_grad",
}


def explain(place: Path, config: Mapping[str, Any]) -> list[str]:
    """Sentences on what went wrong below a rehearsal's directory; `config` is the user's."""
    return list(dict.fromkeys([*_of_trainers(place, config), *_of_steps(place), *_of_snakemake(place)]))


def _of_trainers(place: Path, config: Mapping[str, Any]) -> Iterator[str]:
    for wing, catalogue in (("pretrain", "pretraining"), ("finetune", "finetuning")):
        for name, user in config[catalogue].items():
            for log in sorted((place / "results" / wing / name).rglob(f"work/*/{LOG}")):
                text = _text(log)
                words = {"key": f"{catalogue}.{name}", "recipe": user["recipe"]}
                words["smaller"] = _SMALLER[catalogue].format(**words)
                if sentence := next((s for pattern, s in OF_A_TRAINER.items() if re.search(pattern, text)), None):
                    yield f"{sentence.format(**words)} ({log})"


def _of_steps(place: Path) -> Iterator[str]:
    """The sentences in which steps ended."""
    for log in sorted((place / "logs").rglob("*.log")):
        last = _text(log).rstrip().rpartition("\n")[2]
        if not last.startswith("error: "):
            continue
        rule = log.relative_to(place / "logs").parts[0]
        meant = next((s for pattern, s in OF_A_JOB.items() if re.search(pattern, last)), None)
        yield f"{meant.format(rule=rule)} ({log})" if meant else f"{last.removeprefix('error: ')} ({log})"


def _of_snakemake(place: Path) -> Iterator[str]:
    """What SLURM, or Snakemake, said of jobs in the newest of its logs."""
    logs = sorted((place / ".snakemake" / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    text = _text(logs[-1]) if logs else ""
    failed = re.findall(r"Error in (?:rule|checkpoint) (\w+):", text)
    for pattern, sentence in OF_A_JOB.items():
        if re.search(pattern, text):
            for rule in dict.fromkeys(failed or ["default-resources"]):
                yield f"{sentence.format(rule=rule)} ({logs[-1]})"


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
