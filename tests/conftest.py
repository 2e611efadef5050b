"""What the tests share: small wavs, command lines, and no time limits for hypothesis."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from xdist import is_xdist_worker

from tests import parallel
from tests.e2e.emulation import _compares, _emulates_meanwhile, emulation
from tests.e2e.small_demo import copy_demo, small_demo
from tests.local_conda import LOCAL_CONDA

__all__ = ["_compares", "_emulates_meanwhile", "copy_demo", "emulation", "small_demo"]

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=10, help="at how many moments tests/e2e/test_kills.py kills the demo")
    parser.addoption("--rounds", type=int, default=4, help="of tests/workflow/test_random_changes.py")
    parser.addoption("--seed", type=int, default=1, help="of its chance")
    parser.addoption("--cold", action="store_true", help="tests/workflow: start every python anew, as users do (slow)")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For -n auto."""
    return parallel.workers()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> parallel.Scheduler:
    return parallel.Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: parallel.place(item.path))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Delete what nobody looks at: what several workers have made, if all has passed, and conda's environments always.

    Both take gigabytes, and minutes. Nobody waits for that, as for pytest, which would do it at the end of a later
    session.
    """
    if not is_xdist_worker(session):
        place, asked = session.config._tmp_path_factory.getbasetemp(), session.config.getoption
        has_passed = exitstatus == pytest.ExitCode.OK
        left = place if has_passed and asked("numprocesses") and not asked("basetemp") else place / LOCAL_CONDA
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen(["rm", "-rf", "--", left], **nowhere, process_group=0)


settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture
def write_wav() -> Callable[..., np.ndarray]:
    """A function that writes noise as a wav (16 kHz, mono, 16 bit unless told otherwise) and returns its samples."""
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")

    def write(path: Path, samples: int = 1_600, rate: int = 16_000, channels: int = 1, kind: str = "PCM_16"):
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (samples,) if channels == 1 else (samples, channels)
        seed = sum(os.fsencode(path.name)) + samples
        noise = np.random.default_rng(seed).integers(-(2**15), 2**15, shape, dtype=np.int16)
        soundfile.write(os.fsencode(path), noise, rate, subtype=kind, format="WAV")
        return noise

    return write


@pytest.fixture
def step() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs a step's command line, `python -m scripts.MODULE WORDS...`, in a process of its own."""

    def call(module: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"scripts.{module}", *map(str, words)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    return call
