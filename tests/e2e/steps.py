"""Run the workflow's steps as the rules do, kill them, and compare what they leave, bit for bit."""

import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.kernels import with_same_kernels

ROOT = Path(__file__).resolve().parents[2]
NEVER_CALLED = Path(__file__).with_name("never_called")  # stand-ins for packages that take seconds to import
RATE = 16_000  # Hz
# As a launcher around a step would set them: torchrun, Kubernetes. A trainer that heard them would wait for the others.
LAUNCHER = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29999"}
PATIENCE = 120  # seconds until a wait for a trainer is given up


def environment() -> dict[str, str]:
    """This interpreter's programs (fairseq-hydra-train) first, our modules, one thread, the workflow's kernels."""
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    modules = os.pathsep.join([str(ROOT), str(NEVER_CALLED)])
    ours = {"PATH": os.pathsep.join(paths), "PYTHONPATH": modules, "OMP_NUM_THREADS": "1"}
    return with_same_kernels(os.environ | ours)


def arguments(module: str, options: dict[str, Any]) -> list[str]:
    """`python -m module --key value ...`; a list becomes several words, True a flag alone."""
    words = [sys.executable, "-m", module]
    for key, value in options.items():
        words.append(f"--{key.replace('_', '-')}")
        if value is not True:
            words += [str(word) for word in (value if isinstance(value, list) else [value])]
    return words


def attempt(module: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a step to its end, whatever that is; stdout holds all that it prints."""
    return call(arguments(module, options), **LAUNCHER)


def step(module: str, **options: Any) -> str:
    """Run a step that has to succeed; what it prints."""
    finished = attempt(module, **options)
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def call(words: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run any command in the steps' environment."""
    return subprocess.run(
        words, env=environment() | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def kill_when(reached: Callable[[], bool], module: str, **options: Any) -> None:
    """Start a step in a process group of its own and kill -9 the whole group as soon as `reached` is true."""
    process = subprocess.Popen(
        arguments(module, options),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: reached() or process.poll() is not None)
        assert process.poll() is None, "the step ended before it could be killed"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: not group_is_alive(process.pid))


def group_is_alive(group: int) -> bool:
    """Whether a process of the group still runs; one that nobody has waited for yet (Z) does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:  # it has just ended
            continue
        if int(of_group) == group and state != "Z":
            return True
    return False


def wait_until(reached: Callable[[], bool]) -> None:
    """Poll until a condition holds; fail after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"nothing happened in {PATIENCE} s"
        time.sleep(0.02)


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two nested structures of dicts, lists, tensors and values differ, tensors and floats by their bits."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if one.dtype != other.dtype or not torch.equal(one, other):
            yield place
    elif isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            yield f"{place}: keys"
        for key in one.keys() & other.keys():
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            yield f"{place}: length"
        for number, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from differences(left, right, f"{place}/{number}")
    elif one != other:
        yield place


def load(checkpoint: Path) -> Any:
    """A checkpoint that a test has made (it is unpickled)."""
    return torch.load(checkpoint, map_location="cpu", weights_only=False)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write int16 samples (T,) as AISHELL distributes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def write_list(path: Path, rows: list[tuple[str, str, int]]) -> None:
    """A list for packing, from (utterance, path, samples), sorted by utterance."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["utterance\tpath\tsamples", *(f"{name}\t{wav}\t{samples}" for name, wav, samples in sorted(rows))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_utterances(path: Path, rows: list[tuple[str, str, str, int, str]]) -> None:
    """utterances.tsv from (utterance, subset, path, samples, transcript), sorted by utterance."""
    lines = ["utterance\tspeaker\tsubset\tpath\tsamples\ttranscript"]
    lines += [f"{name}\tS1\t{subset}\t{wav}\t{n}\t{text}" for name, subset, wav, n, text in sorted(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
