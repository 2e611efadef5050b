"""What several workers of pytest-xdist share: which tests one of them runs, in which order, and what is made once."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
# Paths below tests/ in the order in which their tests start, the longest first, and the group of each: one worker runs
# the tests of a group, one after the other. What is below no path starts last, each file a group of its own.
ORDER = {
    "slurm/test_interruptions.py": "slurm",  # there is one SLURM
    "slurm": "slurm",
    "slurm/test_demo.py": "slurm",  # by now others have trained the demo here, and have conda's environments
    "e2e/test_demo.py": "demo",
    "e2e/test_export.py": "demo",
    "e2e/test_reruns.py": "demo",
    "conda": "conda",
    "e2e/test_kills.py": "kills",
    "e2e/test_espnet.py": "espnet",
    "e2e/test_espnet_processes.py": "espnet",
    "e2e/test_fairseq.py": "fairseq",
    "e2e/test_fairseq_processes.py": "fairseq",
    "e2e/test_faster.py": "fairseq",
    "e2e/test_processors.py": "slurm",  # waits for what is emulated beside all of the above
    "fidelity": "fidelity",  # half a minute, which would be left over for one worker at the end
    "workflow": None,  # no group: what these tests share is made once, see `once`
}


def place(path: Path) -> int:
    """Where a file stands in ORDER: at the longest path that holds it."""
    inside = path.relative_to(TESTS)
    holding = [(len(entry), number) for number, entry in enumerate(ORDER) if inside.is_relative_to(entry)]
    return max(holding)[1] if holding else len(ORDER)


def group(path: Path) -> str | None:
    """The name of the group that a file's tests belong to; None where each may go to any worker."""
    number = place(path)
    return list(ORDER.values())[number] if number < len(ORDER) else str(path.relative_to(TESTS))


class Scheduler(LoadScopeScheduling):
    """Hands groups to workers, in the order in which their first tests were collected.

    xdist's own --dist loadgroup names groups in the ids of tests, where pytest 9.2 does not look.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group(TESTS.parent / nodeid.partition("::")[0]) or nodeid


def workers() -> int:
    """How many: tests of SLURM mostly wait, so one more than there are cores; the longest group bounds the rest."""
    return min(len(os.sched_getaffinity(0)) + 1, 8)


def common(factory: pytest.TempPathFactory) -> Path:
    """The temporary directory of all workers."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A directory that `make` has filled, whichever worker asks for it first; the others wait."""
    directory = common(factory) / name
    finished = directory.with_name(f"{name} is finished")
    with locked(directory.with_name(f"{name}.lock")):
        if not finished.exists():
            shutil.rmtree(directory, ignore_errors=True)  # of a worker that failed
            directory.mkdir()
            make(directory)
            finished.touch()
    return directory


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait until no other process has the file."""
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
