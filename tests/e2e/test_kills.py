"""The small demo, killed at random moments: it always goes on, and ends with the bytes of a run that nobody disturbed.

python -m pytest tests/e2e/test_kills.py --kills 50   for a longer trial
"""

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from tests.e2e.small_demo import lay_out, snakemake, start
from tests.e2e.steps import differences

pytestmark = pytest.mark.e2e

SEED = 1
ROUND = 10  # kills a run: many more would come after its end, as each run gets a little further
LATEST = 0.7  # of all jobs: so far on, there is still enough to do for the last moment to come
DELAY = 4  # seconds: at most so long after the job that a moment is counted from
PATIENCE = 300  # seconds until an orphan, or a run that was told to stop, has to have ended
TRAINER, STEP = re.compile(r"fairseq-hydra-train|espnet_layer"), re.compile(r" -m scripts\.(\S+)")

Tree = list[psutil.Process]


def interrupt(run: subprocess.Popen[str], tree: Tree) -> None:
    """Control-C: to every process of the terminal."""
    os.killpg(run.pid, signal.SIGINT)


def terminate(run: subprocess.Popen[str], tree: Tree) -> None:
    run.terminate()


def kill_snakemake(run: subprocess.Popen[str], tree: Tree) -> None:
    """Its jobs go on."""
    run.kill()


def kill_trainers(run: subprocess.Popen[str], tree: Tree) -> None:
    """Or steps, where none trains; until snakemake gives up (one may have been at its end anyway)."""
    while run.poll() is None:
        running = {process: " ".join(cmdline(process)) for process in below(run)}
        for kind in (TRAINER, STEP):
            if found := [process for process, words in running.items() if kind.search(words)]:
                kill(found)
                break
        time.sleep(0.2)


def kill_everything(run: subprocess.Popen[str], tree: Tree) -> None:
    """As near as it gets to a power cut."""
    run.kill()
    kill(tree)


WAYS = [interrupt, terminate, kill_snakemake, kill_trainers, kill_everything]


def below(run: subprocess.Popen[str]) -> Tree:
    """All processes that a run has started, parents first."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(run.pid).children(recursive=True)
    return []


def kill(processes: Tree) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def finished_jobs(directory: Path) -> int:
    """Snakemake writes a benchmark when a job has succeeded."""
    return sum(1 for _ in (directory / "benchmarks").rglob("*.tsv"))


def steps(run: subprocess.Popen[str]) -> set[str]:
    """The modules of ours that run."""
    found = (STEP.search(" ".join(cmdline(process))) for process in below(run))
    return {match[1] for match in found if match}


def until(directory: Path, jobs: int, delay: float, way: Callable[[subprocess.Popen[str], Tree], None]) -> None:
    """Run the demo until so many jobs have finished and one runs, and some seconds more; end it, wait for its orphans.

    Before one runs, a moment would often come while snakemake reads its files, and disturb nothing. Beside an orphan
    that trains, the next run would refuse to train (tests/slurm).
    """
    log = directory / "snakemake.log"
    with log.open("w") as sink, start(directory, stdout=sink) as run:
        while run.poll() is None and not (finished_jobs(directory) >= jobs and steps(run)):
            time.sleep(0.1)
        time.sleep(delay)
        assert run.poll() is None, f"it ended before its moment: {log.read_text()}"
        tree = [psutil.Process(run.pid), *below(run)]
        print(f"{way.__name__} after {finished_jobs(directory)} jobs, beside {', '.join(sorted(steps(run)))}")
        way(run, tree)
        _, alive = psutil.wait_procs(tree, PATIENCE)
        hang = [f"{process.pid} {' '.join(cmdline(process))}" for process in alive]
        kill([*alive, *below(run)])  # or leaving this block would wait for them
        assert not hang, f"{way.__name__} left behind: {hang}"


def disturb(directory: Path, seed: int, kills: int, jobs: int) -> None:
    """Run the demo of so many jobs, killed at moments that follow from the seed, to its end."""
    directory.mkdir()
    lay_out(directory)
    chance = random.Random(seed)
    moments = sorted(chance.randrange(int(LATEST * jobs)) for _ in range(kills))
    ways = [WAYS[number % len(WAYS)] for number in range(kills)]
    chance.shuffle(ways)
    for moment, way in zip(moments, ways, strict=True):
        until(directory, moment, chance.uniform(0.5, DELAY), way)
        snakemake(directory, "--unlock")  # a snakemake that was killed has left its lock
    snakemake(directory)


def test_killed_at_random_moments(small_demo: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """cer.tsv to the byte, and the tensors of every average."""
    averages = sorted(path.relative_to(small_demo) for path in small_demo.glob("results/finetune/**/average*.pth"))
    assert len(averages) == 4  # the best is a milestone
    kills = request.config.getoption("--kills")
    for seed, first in enumerate(range(0, kills, ROUND), start=SEED):
        disturbed = tmp_path / f"seed {seed}"
        disturb(disturbed, seed, min(ROUND, kills - first), finished_jobs(small_demo))
        assert (disturbed / "results/cer.tsv").read_bytes() == (small_demo / "results/cer.tsv").read_bytes()
        for average in averages:
            one, other = (torch.load(root / average, weights_only=True) for root in (small_demo, disturbed))
            assert list(differences(one, other)) == [], average
        assert "Nothing to be done" in snakemake(disturbed)
