"""A SLURM that is not there: squeue and scancel on PATH that answer as the real ones do."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# As squeue 22.05 was seen to: fields are padded and cut to the bytes asked for, with nothing between them.
SQUEUE = """\
import json, os, sys
assert sys.argv[1:4] == ["--me", "-h", "-O"], sys.argv
assert not any(name.startswith("SQUEUE_") for name in os.environ)
for row in json.load(open(ROWS)):
    line = b""
    for field in sys.argv[4].split(","):
        name, width = field.split(":")
        line += os.fsencode(row[name])[: int(width)].ljust(int(width))
    sys.stdout.buffer.write(line + b"\\n")
"""
SCANCEL = """\
import json, sys
open(CANCELLED, "a").write(json.dumps(sys.argv[1:]) + "\\n")
"""


class FakeSlurm:
    """The queue as the fake squeue shows it, and what the fake scancel was called with."""

    def __init__(self, folder: Path):
        self.bin, self._rows, self._cancelled = folder / "bin", folder / "rows.json", folder / "cancelled"
        self.bin.mkdir(parents=True)
        self.queue()
        self.program("squeue", SQUEUE.replace("ROWS", repr(str(self._rows))))
        self.program("scancel", SCANCEL.replace("CANCELLED", repr(str(self._cancelled))))

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
        path.chmod(0o755)

    def queue(self, *rows: dict[str, str]) -> None:
        self._rows.write_text(json.dumps(rows), encoding="utf-8")

    @property
    def cancelled(self) -> list[list[str]]:
        if not self._cancelled.exists():
            return []
        return [json.loads(line) for line in self._cancelled.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A fake SLURM on PATH, with an empty queue."""
    fake = FakeSlurm(tmp_path / "fake slurm")
    monkeypatch.setenv("PATH", f"{fake.bin}{os.pathsep}{os.environ['PATH']}")
    return fake


@pytest.fixture
def row() -> Callable[..., dict[str, str]]:
    """A function that makes one line of the queue of a working directory, in squeue's own terms."""

    def make(directory: Path, job: str, log: str = "rule_pretrain/mandarin_50000/%j.log", **fields: str):
        row = {"JobID": job, "State": "RUNNING", "Reason": "None", "StartTime": "N/A", "TimeUsed": "0:00"}
        row |= {"TimeLimit": "1-00:00:00", "NodeList": "", "Name": "run-a"}
        return row | {"StdOut": f"{directory}/.snakemake/slurm_logs/{log}"} | fields

    return make
