"""Start the server for a session of tests, and find what runs below one of its clients."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[3]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class WarmStart:
    """A server, started when its environment is first asked for; `is_on` says whether to ask."""

    def __init__(self) -> None:
        self.is_on = False
        self._resources = ExitStack()
        self._environment: dict[str, str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path()

    @property
    def environment(self) -> dict[str, str]:
        """What fakes/bin/python and fakes/bin/snakemake need to make use of the server."""
        if self._environment is None:
            self._environment = {"WARM_START": str(self._start())}
        return self._environment

    @property
    def process(self) -> psutil.Process:
        """The server."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def _start(self) -> Path:
        # not in a test's directory: the path of a socket has at most 107 characters
        directory = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))
        listener = self._resources.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(directory / "socket"))
        listener.listen(128)  # clients wait here until all is imported
        self._log = directory / "server.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.workflow.warm.server", str(listener.fileno())],
                cwd=REPOSITORY,
                env=_environment(),
                stdin=subprocess.PIPE,  # it ends when this is closed, in whatever way this process ends
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[listener.fileno()],
            )
        return directory / "socket"

    def close(self) -> None:
        """Stop the server; what its clients run goes on. Raises RuntimeError where it has failed."""
        with self._resources:
            if self._process is None:
                return
            failed = self._process.poll() is not None
            self._process.kill()
            self._process.communicate()
            if failed:
                raise RuntimeError(f"the server of the warm start has ended: {self._log.read_text()}")


def _environment() -> dict[str, str]:
    """No threads, which cannot be forked, and no packages but those of the steps: see workflow/rules/shell.smk."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | dict.fromkeys(THREADS, "1") | {"PYTHONNOUSERSITE": "1"}


def below(number: int) -> list[psutil.Process]:
    """All that a process has started, parents first; a client's child counts as started by the client."""
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["name", "ppid"]):
        client = re.fullmatch(r"warm (\d+)", process.info["name"])
        parent = int(client[1]) if client else process.info["ppid"]
        children.setdefault(parent, []).append(process)
    found: list[psutil.Process] = []
    waiting = [number]
    while waiting:
        started = children.get(waiting.pop(0), [])
        found += started
        waiting += [process.pid for process in started]
    return found
