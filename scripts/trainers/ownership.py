"""One trainer at a time for one output: the owners' history, of which the last owns the output.

After `kill -9` of a Snakemake its jobs run on, and a new Snakemake starts the same ones again: two trainers would write
one directory. `work/OUTPUT.owners` beside the output holds 0001.json, 0002.json, ...: each is made whole by link(2),
so of several contenders one gets the number and the others look again. The highest owns the output until
NNNN.released lies beside it, or its process or job has ended.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.common import files
from scripts.common.errors import StepError
from scripts.trainers import slurm
from scripts.trainers.work import WORK


class Busy(StepError):
    """Somebody else, who may still be alive, owns the output."""


@dataclass(frozen=True)
class Owner:
    """Who works, or worked, on an output. `started` tells a process from a later one of the same number."""

    job: str | None
    host: str
    pid: int
    started: str | None
    since: str  # ISO 8601, UTC
    gpus: int


@dataclass(frozen=True)
class Claim:
    """The right to work on an output."""

    record: Path

    def is_lost(self) -> bool:
        """Whether somebody took over, believing this process dead (a node that was cut off, for instance)."""
        return history(self.record.parent)[-1] != self.record

    def release(self) -> None:
        """Let others have it."""
        self.record.with_suffix(".released").touch()


def owners_of(output: Path) -> Path:
    """The folder of the owners of an output."""
    return output.parent / WORK / f"{output.stem}.owners"


def history(owners: Path) -> list[Path]:
    """The owners' records, oldest first."""
    return sorted(owners.glob("[0-9]*.json"))


def living(output: Path) -> str | None:
    """In words who may still be writing an output; None where nobody is."""
    records = history(owners_of(output))
    return str(_busy(records[-1])) if records and _may_write(records[-1]) else None


@contextmanager
def owned(output: Path, gpus: int) -> Iterator[Claim]:
    """Own an output while the block runs. Raises Busy, naming the owner, where it has a living one."""
    claim = _acquire(owners_of(output), gpus)
    try:
        yield claim
    finally:
        if not claim.is_lost():
            claim.release()


def _acquire(owners: Path, gpus: int) -> Claim:
    host, pid = socket.gethostname(), os.getpid()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    me = Owner(slurm.job(), host, pid, started(pid), now, gpus)
    draft = owners / f".{host}.{pid}.draft"
    files.write_json(draft, asdict(me))
    try:
        while True:
            records = history(owners)
            if records and _may_write(records[-1]):
                raise _busy(records[-1])
            record = owners / f"{int(records[-1].stem) + 1 if records else 1:04d}.json"
            try:
                os.link(draft, record)
            except FileExistsError:
                continue  # another contender was faster
            except OSError:
                raise StepError(
                    f"the file system of {owners} has no hard links, which locks need: work on another"
                ) from None
            return Claim(record)
    finally:
        draft.unlink()


def _read(record: Path) -> Owner:
    return Owner(**files.read_json(record))


def _may_write(record: Path) -> bool:
    """Whether an owner may still write. Doubt counts as yes."""
    if record.with_suffix(".released").exists():
        return False
    owner = _read(record)
    here = owner.host == socket.gethostname()
    if here and owner.started is not None and started(owner.pid) == owner.started:
        return True
    if owner.job is not None:  # an earlier start of this very job was ended by SLURM
        return owner.job != slurm.job() and slurm.may_write(owner.job)
    return not here


def _busy(record: Path) -> Busy:
    owner = _read(record)
    who = f"job {owner.job}" if owner.job else f"process {owner.pid}"
    stop = f"scancel {owner.job}" if owner.job else f"end process {owner.pid} there"
    output = record.parent.parent.parent / record.parent.stem
    return Busy(
        f"{output} is being made by {who} on {owner.host} since {owner.since}: wait for it, or {stop} "
        f"(it saves first); if it is gone for certain: touch {record.with_suffix('.released')}"
    )


def started(pid: int) -> str | None:
    """When a living process of this host began, as the host's boot and clock ticks since then; None: it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if state == "Z" else f"{boot} {fields[18]}"
