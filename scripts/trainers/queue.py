"""The SLURM jobs that belong to a working directory, as squeue gives them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scripts.common.errors import StepError
from scripts.trainers import slurm

# squeue pads and cuts each field to so many bytes (not characters). Nothing else separates one from the next that
# a path could not hold, so lines are taken apart at these widths.
FIELDS = {
    "JobID": 30,
    "State": 30,
    "Reason": 200,
    "StartTime": 30,
    "TimeUsed": 30,
    "TimeLimit": 30,
    "NodeList": 200,
    "Name": 200,
    "StdOut": 4096,
}


@dataclass(frozen=True)
class Job:
    """One job. `run`: the id of the Snakemake run that submitted it; `start`: local time, expected while pending."""

    id: str
    state: str
    reason: str
    start: datetime | None
    elapsed: timedelta | None
    limit: timedelta | None
    nodes: str
    run: str
    output: Path  # SLURM's file; before 23.11 with the pattern %j in its name
    task: str  # rule and wildcards, or the name of a group of jobs

    @property
    def pending(self) -> bool:
        return self.state == "PENDING"

    @property
    def ending(self) -> bool:
        return self.state == "COMPLETING"


def jobs(directory: Path) -> list[Job]:
    """My jobs that Snakemake submitted for this working directory, pending ones too, in the order of their ids.

    Snakemake's executor has every job write to DIRECTORY/.snakemake/slurm_logs, which tells its jobs from others.
    Raises StepError where squeue is not installed or gives no answer.
    """
    logs = directory.resolve() / ".snakemake" / "slurm_logs"
    wanted = ",".join(f"{name}:{width}" for name, width in FIELDS.items())
    answer = call(["squeue", "--me", "-h", "-O", wanted])
    parsed = (parse(line, logs) for line in answer.split(b"\n"))
    return sorted((job for job in parsed if job), key=lambda job: (len(job.id), job.id))


def call(command: Sequence[str]) -> bytes:
    """What one of SLURM's commands prints. Raises StepError where it is not installed, fails or gives no answer."""
    answer = slurm.ask(*command, patient=False)
    if answer.code == 127:
        raise StepError(f"{answer.complaint}: ask where jobs can be submitted")
    if answer.code:
        said = answer.complaint.splitlines()
        later = ": try again later" * (answer.code == 124)
        raise StepError(f"{command[0]} failed: {said[-1] if said else f'exit code {answer.code}'}{later}")
    return answer.output


def parse(line: bytes, logs: Path) -> Job | None:
    """One line of squeue; None where it is half a line or the job of another directory."""
    values, begin = {}, 0
    for name, width in FIELDS.items():
        # a directory's name may be in any encoding
        values[name] = os.fsdecode(line[begin : begin + width]).strip()
        begin += width
    output = Path(values["StdOut"])
    if not values["JobID"] or not output.is_relative_to(logs):
        return None
    return Job(
        id=values["JobID"],
        state=values["State"],
        reason=values["Reason"],
        start=moment(values["StartTime"]),
        elapsed=span(values["TimeUsed"]),
        limit=span(values["TimeLimit"]),
        nodes=values["NodeList"],
        run=values["Name"],
        output=output,
        task=task(output.relative_to(logs)),
    )


def task(output: Path) -> str:
    """`rule_pretrain/mandarin_50000/17.log`, relative to the folder of SLURM's logs, as `pretrain mandarin 50000`.

    The executor joins wildcards with underscores; the names in this workflow have none.
    """
    kind, _, name = output.parts[0].partition("_")
    words = [name if kind == "rule" else f"group {name}"]
    words += output.parts[1].split("_") if len(output.parts) == 3 else []
    return " ".join(words)


def moment(text: str) -> datetime | None:
    """2026-11-22T20:53:33 in local time; None for N/A."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def span(text: str) -> timedelta | None:
    """[[days-]hours:]minutes:seconds; None for UNLIMITED, INVALID and the like."""
    days, dash, clock = text.rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        total = timedelta(days=int(days) if dash else 0)
    except ValueError:
        return None
    return total + sum((timedelta(seconds=part * 60**i) for i, part in enumerate(reversed(parts))), timedelta())
