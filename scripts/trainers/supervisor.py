"""Start a trainer of somebody else's (fairseq, ESPnet), keep what it says, and stop it in time.

A trainer may be several processes. It does not hear signals: SLURM and terminals send them to every process at once,
and half a trainer that dies loses what the other half computes. They reach the step, which asks the trainer to save.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scripts.common.errors import StepError, no_space
from scripts.common.provenance import REPOSITORY
from scripts.trainers import life, slurm
from scripts.trainers.ownership import Claim

LAST_LINES = 15
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Variables by which launchers tell processes of one another.
LAUNCHERS = re.compile(
    r"(SLURM|OMPI|PMI|PMIX|MPI|PALS|TORCHELASTIC)_"
    r"|(WORLD_SIZE|RANK|MASTER_ADDR|MASTER_PORT|(LOCAL|NODE|GROUP|ROLE)_RANK|(LOCAL|GROUP|ROLE)_WORLD_SIZE)$"
)
MARGIN = 600  # seconds before the end of the job's time at which the trainer is asked to save
TIME_LIMIT = "the job's time limit is near"
SIGNALS = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "SIGINT"}
ALMOST_FULL = 16_000_000  # bytes
# What code of ours says within a trainer: the end of a traceback, which a data worker's may be within.
OURS = re.compile(r"^scripts\.common\.errors\.StepError: (.+)$", re.MULTILINE)


class Paused(Exception):
    """The trainer saved and stopped before its goal; the message is the reason."""


@dataclass(frozen=True)
class Training:
    """What is to be run: one command a process; `progress` is what has been saved, in the unit of `goal`.

    `watch` is called while it runs, and raises StepError to end it.
    """

    commands: list[list[str]]
    log: Path
    progress: Callable[[], int]
    goal: int
    ask_to_save: Callable[[], None] | None = None  # None: it may be killed at any time, and goes on from where it saved
    watch: Callable[[], None] | None = None


def environment() -> dict[str, str]:
    """What both trainers need: our modules, one thread a process, and checkpoints that hold more than tensors.

    More OpenMP threads than one slow both trainers down several times over (facebookresearch/fairseq#3342), and change
    the last bits of sums; MKL has a variable of its own, and Snakemake exports all of them. Of SLURM's variables only
    the job's id is left, and of other launchers' (torchrun, Kubernetes, an MPI) none: from them trainers conclude how
    many processes there are and wait for the others, and srun how it is to start them.
    """
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {name: value for name, value in os.environ.items() if name == "SLURM_JOB_ID" or not LAUNCHERS.match(name)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        **dict.fromkeys(THREADS, "1"),
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }


def train(training: Training, claim: Claim) -> None:
    """Run a trainer to its goal; all that it prints is appended to the log.

    Raises Paused where it was stopped before, and StepError, after its last lines, where it failed, could not be
    started, or has no time to get anywhere.
    """
    training.log.parent.mkdir(parents=True, exist_ok=True)
    saved = training.progress()
    reasons: list[str] = []
    signs = life.Signs(training.log, time.monotonic())
    with _noting_signals(reasons), _started(training, signs.touched) as processes:
        _watch(training, processes, claim, reasons, signs)
    if training.progress() >= training.goal:
        return
    if not reasons:
        raise StepError(f"the trainer stopped at {training.progress()} of {training.goal}: see {training.log}")
    if reasons[0] == TIME_LIMIT and training.progress() <= saved:
        raise StepError(f"{training.log.parent} got nowhere within the job's time limit: raise runtime in the profile")
    raise Paused(reasons[0])


@contextmanager
def _noting_signals(reasons: list[str]) -> Iterator[None]:
    """Note signals instead of dying of them; SIGTERM also comes where this process's parent dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, see prctl(2)
    before = {number: signal.signal(number, lambda got, _: reasons.append(SIGNALS[got])) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _started(training: Training, touched: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The trainer's processes, each with a process group of its own; what is left of them is killed at the end."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with training.log.open("ab") as log:
            processes += (_start(command, log, touched) for command in training.commands)
        yield processes
    finally:
        for process in processes:
            _kill(process)


def _start(command: list[str], log: BinaryIO, touched: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment() | {life.VARIABLE: str(touched)},
            start_new_session=True,
            preexec_fn=_deaf_until_its_parent_dies,
        )
    except FileNotFoundError:
        raise StepError(_why_not_started(command[0])) from None


def _why_not_started(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        return f"{program} is not installed in this environment: see workflow/envs"
    # pip writes the whole path of an environment's python into the first line of each of its programs.
    return f"{found} starts a python that is not there: its environment was moved: make it again (make's: rm -r .venv)"


def _deaf_until_its_parent_dies() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # torch's data workers would handle what is only ignored, and die. How they end at all: data_workers.py
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also those that read audio ahead
    process.wait()


def _watch(
    training: Training,
    processes: list[subprocess.Popen[bytes]],
    claim: Claim,
    reasons: list[str],
    signs: life.Signs,
) -> None:
    """Wait until all have ended, one has failed or none lives on; ask them to save once there is a reason."""
    allocation = slurm.allocation()
    deadline = _deadline(allocation.ends, time.time()) if allocation else None
    asked = False
    while any(process.poll() is None for process in processes):
        time.sleep(0.2)
        if any(process.poll() for process in processes):
            break
        if training.watch is not None:
            training.watch()
        if claim.is_lost():
            raise StepError(f"another job took over: see {claim.record.parent}")
        if not reasons and deadline is not None and time.time() > deadline:
            reasons.append(TIME_LIMIT)
        if reasons and not asked:
            asked = True
            if training.ask_to_save is None:
                return
            training.ask_to_save()
            signs.ask()
        if signs.look(time.monotonic()):
            return _give_up(_name_of(training), signs)
    for process in processes:
        if process.poll():
            raise _failure(training, process, signs)


def _give_up(name: str, signs: life.Signs) -> None:
    """Return where it was asked to save anyway; raise StepError where nobody expected its end."""
    if signs.asked:
        print(f"{name} did not save within {life.duration(signs.silence)}, so it was ended", flush=True)
        return
    _show_last_lines(signs)
    raise StepError(signs.given_up(name))


def _deadline(ends: float, now: float) -> float:
    """When to ask for a save: MARGIN before the end, or earlier in the last quarter of a short job."""
    return ends - min(MARGIN, (ends - now) / 4)


def _failure(training: Training, process: subprocess.Popen[bytes], signs: life.Signs) -> StepError:
    if ours := OURS.findall(signs.said()):
        return StepError(ours[-1])
    lines, name = _show_last_lines(signs), _name_of(training)
    if any(life.NO_SHARED_MEMORY.search(line) for line in lines):
        return StepError(life.no_shared_memory(name))
    if shutil.disk_usage(training.log.parent).free < ALMOST_FULL or any("No space left" in line for line in lines):
        return no_space(training.log.parent)
    return StepError(
        f"{name} ended with exit code {process.returncode}: see its last lines above, all in {training.log}"
    )


def _show_last_lines(signs: life.Signs) -> list[str]:
    lines = signs.said().splitlines()[-LAST_LINES:]
    print("\n".join(lines), flush=True)
    return lines


def _name_of(training: Training) -> str:
    return Path(training.commands[0][0]).name
