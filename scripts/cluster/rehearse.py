"""Rehearse an experiment before its days begin: 20 updates of each training, with its own corpora, models, batches and
resources.

All words are Snakemake's, the same as for the experiment (make rehearse: DIRECTORY=DIR, the others in ARGS). What is
made lies in DIRECTORY/rehearsal, and nothing else is touched. At the end a page says whether it fits and how long all
will take.
"""

import argparse
import contextlib
import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.cluster.rehearsal import call as calls
from scripts.cluster.rehearsal import corpus, failures, plan
from scripts.cluster.rehearsal.call import Call
from scripts.cluster.rehearsal.corpus import Corpus
from scripts.cluster.rehearsal.report import report
from scripts.common import files
from scripts.common.configuration import corpora_in_use
from scripts.common.errors import StepError, exit_on_error
from scripts.common.provenance import REPOSITORY
from scripts.trainers import queue

NAME = "rehearsal"
NOTE = "this-is-a-rehearsal.txt"
OURS = ("results", "logs", "benchmarks", "corpora", "recipes", "config.yaml")  # what an earlier one has left
OURS += tuple(f".snakemake/{name}" for name in ("locks", "incomplete", "metadata", "log"))  # all but environments


@contextlib.contextmanager
def alone(place: Path) -> Iterator[None]:
    """One rehearsal of a directory at a time. Raises StepError where one runs, or where others' files lie there."""
    if place.exists() and any(place.iterdir()) and not (place / NOTE).exists():
        raise StepError(f"{place} is there and no rehearsal made it: move it away")
    files.write_text(place / NOTE, "Made by `make rehearse`. It may be deleted at any time.\n")
    with (place / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StepError(f"a rehearsal runs in {place}: wait for it") from None
        if left := _in_the_queue(place):
            raise StepError(f"jobs of an earlier rehearsal are in SLURM's queue: scancel {' '.join(left)}")
        yield


def _in_the_queue(place: Path) -> list[str]:
    try:
        return [job.id for job in queue.jobs(place) if not job.ending]
    except StepError:  # no SLURM here
        return []


def prepare(call: Call, place: Path) -> tuple[plan.Plan, dict[str, Corpus]]:
    """Make the directory anew: parts of the corpora, recipes, config. What is rehearsed, and what the corpora hold."""
    for name in OURS:
        path = place / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    what = plan.of(call.config)
    used = sorted(corpora_in_use(call.config))
    surveys = {name: corpus.survey(call.config["corpora"][name], call.directory) for name in used}
    chosen = plan.choose(call.config, what, surveys)
    for name, part in chosen.items():
        corpus.write(part, call.directory / call.config["corpora"][name]["root"], place / "corpora" / name)
    plan.write(call.config, plan.overlay(call.config, what, call.directory, place, chosen), place)
    return what, surveys


def command(call: Call, what: plan.Plan, place: Path) -> list[str]:
    """Snakemake as for the experiment, but in a place and with a config of its own, and with targets."""
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), *call.words]
    words += ["--directory", str(place), "--configfile", str(place / "config.yaml")]
    environments = call.directory / ".snakemake" / "conda"
    if call.conda_prefix is None and environments.is_dir():  # which are large, and made by now
        words += ["--conda-prefix", str(environments)]
    return [*words, "--", *what.targets(call.config)]


def rehearse(words: Sequence[str]) -> None:
    """Prepare, run Snakemake, and print the page. Raises StepError with what stands in the way."""
    call = calls.parse(words)
    place = call.directory / NAME
    with alone(place):
        what, surveys = prepare(call, place)
        for name, found in surveys.items():
            count = sum(map(len, found.values()))
            print(f"{name}: {count:,} utterances in its lists, of which a part is heard", flush=True)
        print(f"That {plan.UPDATES} updates are fewer than a warm-up may be said below: they are.", flush=True)
        ended = subprocess.run(command(call, what, place)).returncode
        if call.dry:
            return
        made = report(call, what, surveys, place)
        title = f"Rehearsal of {call.directory}: {plan.UPDATES} updates of each training, in {place}"
        print("\n" + "\n\n".join([title, *made.parts]), flush=True)
        problems = failures.explain(place, call.config) if ended else []
        problems += made.problems
        if ended and not problems:
            problems = [f"Snakemake ended with exit code {ended}: see what it says above"]
        if problems:
            raise StepError("\nerror: ".join(problems))


def main() -> None:
    """Take all words as Snakemake's."""
    # no word begins with +, so none is taken for an option of ours
    parser = argparse.ArgumentParser(description=__doc__, prefix_chars="+", add_help=False)
    parser.add_argument("words", nargs="*", help="those that Snakemake will be given: --profile, --directory, ...")
    words = parser.parse_args().words
    if {"-h", "--help"} & set(words):
        parser.print_help()
    else:
        rehearse(words)


if __name__ == "__main__":
    exit_on_error(main)
