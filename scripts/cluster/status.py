"""Print how far everything in a working directory has got, what it has cost, and what SLURM's queue holds and why.

Only files and squeue are read. The time at which a milestone is ready assumes that its job goes on as it does: hours
in the queue after a time limit are not foreseen. Which milestones are still to come is known from a config only.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster import page, progress
from scripts.cluster.history import total
from scripts.common.errors import StepError, exit_on_error
from scripts.trainers import queue


def chains(configfile: Path | None, results: Path) -> dict[str, list[int]]:
    """The milestones of each pre-training run: in the config given, or in the one that a finished workflow wrote.

    An overlay counts for itself, so give one that has updates and milestones.
    """
    path = configfile or results / "config.yaml"
    if configfile is None and not path.is_file():
        return {}
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: _chain(entry) for name, entry in (config.get("pretraining") or {}).items()}
    except FileNotFoundError:
        raise StepError(f"{path} is not there: give --configfile the file that Snakemake was given") from None
    except (OSError, AttributeError, TypeError, ValueError, yaml.YAMLError):
        raise StepError(f"{path} is not a config of this workflow: give --configfile another") from None


def _chain(entry: dict[str, Any]) -> list[int]:
    ends = [entry["updates"]] if "updates" in entry else []
    return sorted({int(updates) for updates in [*entry.get("milestones", []), *ends]} - {0})


def report(directory: Path, configfile: Path | None, now: float) -> str:
    """The page. `now`: seconds since the epoch."""
    if not directory.is_dir():
        raise StepError(f"{directory} is not a directory: give --directory the one that Snakemake works in")
    runs, branches = progress.pretrainings(directory), progress.branches(directory)
    rates = progress.rates(directory)
    jobs, unknown = None, ""
    try:
        jobs = {job.id: job for job in queue.jobs(directory)}
    except StepError as error:
        unknown = f"SLURM: not asked ({error})"
    if not (runs or branches or rates or jobs):
        return f"nothing has started in {directory}"
    asked = chains(configfile, directory / "results")
    parts = [page.pretraining(run, jobs, now, asked.get(run.model, [])) for run in runs]
    if branches:
        parts.append(page.finetuning(branches, jobs, now))
    spent = total([*(run.history for run in runs), *(branch.history for branch in branches)])
    if spent.starts:
        parts.append(f"Training in all: {spent.gpu_hours:,.1f} GPU hours in {spent.starts} starts of jobs")
    if rates:
        counts = ", ".join(f"{name} {count}" for name, count in rates.items())
        parts.append(f"Error rates made so far: {counts}")
    parts.append(unknown if jobs is None else page.slurm(jobs, now))
    return "\n\n".join(parts)


def main() -> None:
    """Parse the command line and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="Snakemake's working directory")
    parser.add_argument("--configfile", type=Path, help="to know the milestones to come (default: results/config.yaml)")
    arguments = parser.parse_args()
    print(report(arguments.directory, arguments.configfile, time.time()))


if __name__ == "__main__":
    exit_on_error(main)
