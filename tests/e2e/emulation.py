"""The updates of test_processors.py on an emulated processor of the other maker.

They take a core two and a half minutes, so they start before the first test and go on beside the others.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist import is_xdist_worker

from scripts.common.processor import processor
from tests.parallel import group

COMPARED = Path(__file__).with_name("test_processors.py")
QEMU = "qemu-x86_64"
AVX2_SINCE = (7, 2)  # QEMU's release
PATIENCE = 1000  # seconds from when a test asks for an update; it takes one to two minutes of an idle core
NICE = 10  # tests that watch the clock go first


@dataclass(frozen=True)
class Emulation:
    """Updates on the way, by training, each with a folder of its own, and the encoder that fine-tuning starts from."""

    folder: Path
    encoder: Path
    processes: dict[str, subprocess.Popen[bytes]]

    def update(self, training: str) -> dict[str, Any]:
        """What an update came to, once it has."""
        code = self.processes[training].wait(PATIENCE)
        assert code == 0, (self.folder / f"{training}.log").read_text(encoding="utf-8", errors="replace")
        return outcome(self.folder / training)


def obstacle() -> str | None:
    """Why nothing can be emulated here; None where it can."""
    if processor()["level"] not in ("x86-64-v3", "x86-64-v4"):
        return "this machine is no x86-64 with AVX2"
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (Debian: qemu-user)"
    said = subprocess.run([QEMU, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"version (\d+)\.(\d+)", said)
    if release is None or tuple(map(int, release.groups())) < AVX2_SINCE:
        return f"{QEMU} emulates AVX2 from release {'.'.join(map(str, AVX2_SINCE))} on"
    return None


def command(training: str, folder: Path, encoder: Path) -> list[str]:
    """The command line of an update that notes in a folder what it came to."""
    folder.mkdir()
    words = [sys.executable, "-m", "tests.e2e.one_update", training, str(folder)]
    return [*words, str(encoder)] if training == "finetune" else words


def outcome(folder: Path) -> dict[str, Any]:
    """What an update has noted."""
    return json.loads((folder / "update.json").read_text(encoding="utf-8"))


def start(words: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Run a command as on an AMD, or as on an Intel where this is none. It dies when this process does."""
    model = "EPYC-Milan" if processor()["vendor"] == "GenuineIntel" else "Haswell"

    def behind_the_tests() -> None:
        os.nice(NICE)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, see prctl(2)

    with log.open("wb") as said:
        streams = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": subprocess.STDOUT}
        return subprocess.Popen([QEMU, "-cpu", model, *words], env=environment, preexec_fn=behind_the_tests, **streams)


@pytest.fixture(scope="session")
def _compares(request: pytest.FixtureRequest) -> bool:
    """Whether the session has tests that compare with what is emulated."""
    return any(item.path == COMPARED for item in request.session.items) and obstacle() is None


@pytest.fixture(autouse=True)
def _emulates_meanwhile(request: pytest.FixtureRequest, _compares: bool) -> None:
    """Start with the first test of those that run in one process with the ones that compare."""
    if _compares and (not is_xdist_worker(request) or group(request.path) == group(COMPARED)):
        request.getfixturevalue("emulation")


@pytest.fixture(scope="session")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    """Both updates, on their way; they are killed with the session."""
    from tests.e2e.steps import ROOT, environment, step  # imports torch, which other sessions may lack

    folder = tmp_path_factory.mktemp("emulation")
    checkpoint, encoder = folder / "after-0-updates.pt", folder / "encoder.pt"
    step("scripts.pretrain.initialise", recipe=ROOT / "config/pretrain/demo.yaml", seed=1, output=checkpoint)
    options = {"checkpoint": checkpoint, "mask_prob": 0.05, "receptive_field_ms": 93.125}  # as config/demo.yaml
    step("scripts.finetune.prepare_encoder", **options, output=encoder)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for training in ("pretrain", "finetune"):
            words = command(training, folder / training, encoder)
            processes[training] = start(words, folder / f"{training}.log", environment())
        yield Emulation(folder, encoder, processes)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
