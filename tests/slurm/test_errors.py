"""Mistakes and accidents end in a sentence, and lose nothing."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.steps import differences
from tests.e2e.test_fairseq import trained_bits
from tests.slurm.cluster import wait_until
from tests.slurm.conftest import PAUSE

MEGABYTE = 1_000_000


def test_a_partition_that_does_not_exist(place) -> None:
    wrong = place(10)
    wrong.edit_profile(pretrain__slurm_partition='"nowhere"', retries=0)
    assert wrong.finish(wrong.snakemake(), 60) == 1
    assert "invalid partition specified: nowhere" in wrong.said()
    assert wrong.owners == []


@contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[None]:
    """A file system of its own for a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * MEGABYTE)}", "tmpfs", folder]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte on a folder's disk; the file that takes them."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


def test_a_full_disk_in_pre_training(place, uninterrupted) -> None:
    run = place(int(20 / PAUSE))
    run.edit_profile(retries=0)
    with small_disk(run.work, 20):
        running = run.snakemake()
        wait_until(lambda: any(run.work.glob("*/checkpoints/checkpoint_last.pt")), 240)
        filler = fill(run.work)
        assert run.finish(running) == 1
        said = set(re.findall(r"^error: (.*)", run.said(), re.MULTILINE))
        assert len(said) == 1, said
        assert re.match(
            r"no space left on the disk of .*: make room and start again; nothing that was saved", said.pop()
        )

        filler.unlink()
        assert run.finish(run.snakemake()) == 0, run.said()
        assert run.updates_logged.count(1) == 1, "it started anew"
        assert list(differences(trained_bits(uninterrupted(run.updates)), trained_bits(run.milestone))) == []
