"""Find the SLURM jobs that a killed Snakemake left behind in a working directory, and cancel them if asked to.

They need not be cancelled: a new run waits for them and goes on from what they have made. A trainer that is cancelled
saves first. Jobs of a Snakemake that is seen to run on this machine are left alone unless their run is named by --run.
"""

import argparse
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from scripts.cluster import page
from scripts.common.errors import StepError, exit_on_error
from scripts.trainers import queue
from scripts.trainers.queue import Job

_RUN_ID = re.compile(r"SLURM run ID: (\S+)")  # Snakemake's log holds it before the first job is submitted


@dataclass(frozen=True)
class Known:
    """What is known of Snakemake in a directory: whether it is locked, and the runs that are seen to go on, with pid.

    A Snakemake on another machine is not seen, but its lock is.
    """

    locked: bool
    driven: Mapping[str, int]


def known(directory: Path, processes: Path = Path("/proc")) -> Known:
    """Look for the lock, and for processes of this machine that have one of the directory's logs open."""
    state = directory.resolve() / ".snakemake"
    driven = {}
    for opened in processes.glob("[0-9]*/fd/*"):
        try:
            log = Path(os.readlink(opened))
            found = _RUN_ID.search(log.read_text(errors="replace")) if log.parent == state / "log" else None
        except OSError:  # another user's process, or one that has just ended
            continue
        if found:
            driven[found[1]] = int(opened.parent.parent.name)
    return Known(any((state / "locks").glob("*")), driven)


def report(directory: Path, jobs: Sequence[Job], facts: Known, now: float) -> str:
    """Each run's jobs, whether its Snakemake still runs, and what to do. `now`: seconds since the epoch."""
    left = facts.locked and not facts.driven
    if not jobs:
        hint = "; it is locked: if its Snakemake was killed, snakemake --unlock" if left else ""
        return f"no job of {directory} is in SLURM's queue{hint}"
    by_run = groupby(sorted(jobs, key=lambda job: job.run), key=lambda job: job.run)
    parts = [page.jobs(f"Run {name}: {_whose(name, facts)}", list(group), now) for name, group in by_run]
    if orphans(jobs, facts):
        parts.append(page.section("What to do with orphans", _advice(facts)))
    return "\n\n".join(parts)


def orphans(jobs: Sequence[Job], facts: Known) -> list[Job]:
    """The jobs whose Snakemake is not seen to run."""
    return [job for job in jobs if job.run not in facts.driven]


def _whose(run: str, facts: Known) -> str:
    if run in facts.driven:
        return f"its Snakemake runs (process {facts.driven[run]})"
    if facts.locked and not facts.driven:
        return f"orphans, unless its Snakemake runs on another machine than {socket.gethostname()}"
    return "orphans"


def _advice(facts: Known) -> list[page.Entry]:
    if facts.driven:
        keep = "nothing to do: the Snakemake that runs waits for them and takes over what they have made"
    else:
        unlock = "snakemake --unlock, then " if facts.locked else ""
        keep = f"{unlock}start snakemake again: each new job waits for the old one and takes over what it has made"
    return [("keep them", [keep]), ("cancel them", ["add --cancel; trainers save first"])]


def main() -> None:
    """Parse the command line, list, and cancel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="Snakemake's working directory")
    parser.add_argument("--run", metavar="ID", help="only the jobs of this run (the name of its jobs)")
    parser.add_argument("--cancel", action="store_true", help="cancel exactly the orphans that are listed")
    arguments = parser.parse_args()
    directory = arguments.directory
    if not directory.is_dir():
        raise StepError(f"{directory} is not a directory: give --directory the one that Snakemake works in")
    jobs = [job for job in queue.jobs(directory) if not job.ending and arguments.run in (None, job.run)]
    facts = known(directory)
    print(report(directory, jobs, facts, time.time()))
    if arguments.cancel:
        print("\n" + cancel(jobs if arguments.run else orphans(jobs, facts)))


def cancel(jobs: Sequence[Job]) -> str:
    """Cancel these jobs and no others; what was done, in words."""
    if not jobs:
        return "nothing to cancel"
    ids = [job.id for job in jobs]
    queue.call(["scancel", *ids])
    return f"cancelled: {' '.join(ids)}"


if __name__ == "__main__":
    exit_on_error(main)
