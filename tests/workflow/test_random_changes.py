"""One plain run is enough, whatever a user has changed: random changes, one after the other, on the same project.

After each round the run has ended well, the next has nothing to do, the table and what it was made from are those of a
run from scratch on the same corpora and config, and no training has run that no change reaches.

python -m pytest tests/workflow/test_random_changes.py --rounds 300 --seed 2
"""

import csv
import faulthandler
import json
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from scripts.common import files
from tests.workflow import changes
from tests.workflow.changes import State
from tests.workflow.conftest import Project, Run, make
from tests.workflow.warm.session import below

ENVIRONMENT = {"FAKE_ERRORS": "1", "FAKE_SLEEP": "4"}
CONSENT = ["--config", "repeat_pretraining=True"]
UTTERANCES = 24


def new_project(directory: Path) -> State:
    """Corpora, recipes, two checkpoints made elsewhere and their digest in the config."""
    state = State(make(directory, UTTERANCES))
    for name, updates in (("given one.pt", 25), ("another given.pt", 35)):
        content = {"cfg": {"model": {"mask_prob": 0.65}}, "optimizer_history": [{"num_updates": updates}]}
        torch.save(content | {"model": {"digest": torch.zeros(32, dtype=torch.uint8)}}, directory / name)
    state.keys["checkpoints__english__path"] = "given one.pt"
    state.keys["checkpoints__english__sha256"] = files.sha256(directory / "given one.pt")
    state.keys["experiments"] = changes.experiment("mandarin", "english")
    state.configure()
    return state


@dataclass(frozen=True)
class Trained:
    """What trainers have made: what each product was made from, and whether it is there."""

    made_from: dict[str, Any]
    complete: set[str]

    @classmethod
    def of(cls, directory: Path) -> "Trained":
        cards = [*directory.glob("results/pretrain/*/after-*-updates.json"), *directory.glob("results/**/epochs.json")]
        known = {str(card.relative_to(directory)): json.loads(card.read_text())["made_from"] for card in cards}
        there = {name for name in known if (directory / product_of(name)).exists()}
        best = {name.replace("after-", "best-until-") for name in there}
        lacking = {name for name in best if "updates" in name and not pair(directory / name)}
        return cls(known, there - {name.replace("best-until-", "after-") for name in lacking})


def pair(sidecar: Path) -> bool:
    return sidecar.exists() and sidecar.with_suffix(".pt").exists()


def product_of(sidecar: str) -> str:
    return sidecar.removesuffix(".json") + ("" if sidecar.endswith("epochs.json") else ".pt")


def jobs_of(run: Run) -> list[tuple[str, dict[str, str]]]:
    """Rule and wildcards of each job, in the order in which they were started."""
    blocks = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)+)", run.output, re.MULTILINE)
    found = []
    for rule, block in blocks:
        wildcards = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
        found.append((rule, dict(pair.split("=", 1) for pair in wildcards[1].split(", ")) if wildcards else {}))
    return found


def needless(run: Run, before: Trained, after: Trained) -> list[str]:
    """Trainings that no change reaches: what they were made from is as before, and nobody needed them."""
    jobs = jobs_of(run)
    found = []
    for rule, names in jobs:
        if rule == "pretrain":
            sidecar = f"results/pretrain/{names['model']}/after-{names['updates']}-updates.json"
            consumers = {"prepare_encoder", "choose_best", "pretrain"}
        elif rule == "finetune":
            branch = f"{names['task']}/from/{names['model']}/{names['checkpoint']}"
            sidecar = f"results/finetune/{branch}/lr-{names['lr']}/seed-{names['seed']}/epochs.json"
            consumers = {"average_weights"}
        else:
            continue
        was, now = before.made_from.get(sidecar), after.made_from.get(sidecar)
        is_needed = sidecar not in before.complete and any(name in consumers for name, _ in jobs)
        if was is not None and was == now and not is_needed:
            found.append(f"{rule} {names}")
    return found


def from_scratch(state: State, directory: Path) -> Run:
    """Run the same corpora and config in a new directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for path in state.directory.iterdir():
        if path.name == "corpora":
            shutil.copytree(path, directory / path.name, symlinks=True)
        elif path.is_symlink():
            (directory / path.name).symlink_to(path.readlink())
        elif path.suffix in (".pt", ".yaml") and path.name != "overlay.yaml":
            shutil.copy(path, directory)
    fresh = State(Project(directory, state.project.repository), state.keys)
    fresh.configure()
    return fresh.project.snakemake(**ENVIRONMENT | {"FAKE_SLEEP": ""})


def results_of(directory: Path) -> dict[str, Any]:
    """What has to be the same: the table, the run's digest, and the weights and transcripts behind each number."""
    record = json.loads((directory / "results/provenance.json").read_text())
    found: dict[str, Any] = {"cer.tsv": (directory / "results/cer.tsv").read_text()}
    found["cer.md"] = re.sub(r"commit `.*`", "", (directory / "results/cer.md").read_text())
    for number in record["numbers"]:
        for name in number["parts"]:
            if name.endswith("/text"):
                found[name] = (directory / name).read_text() if (directory / name).exists() else "deleted"
    found["experiment"] = record["experiment"]
    return found


def without_certainty(found: dict[str, Any]) -> dict[str, Any]:
    """A table that is made again says nothing that was to be taken from transcripts and lists that were deleted."""
    table = csv.DictReader(found["cer.tsv"].splitlines(), delimiter="\t")
    numbers = [{key: row[key] for key in table.fieldnames[: table.fieldnames.index("cer") + 1]} for row in table]
    table_alone = re.split(r"\n\n(?=\| Certainty|\| Learning|- No interval)", found["cer.md"])[0]
    return found | {"cer.tsv": numbers, "cer.md": table_alone}


def check_order(run: Run, directory: Path) -> None:
    """No table is written before its trace."""
    record = json.loads((directory / "results/provenance.json").read_text())
    table = csv.DictReader((directory / "results/cer.tsv").read_text().splitlines(), delimiter="\t")
    assert [str(number["cer"]) for number in record["numbers"]] == [row["cer"] for row in table]
    order = [rule for rule, _ in jobs_of(run)]
    if "trace" in order:
        assert order.index("trace") < order.index("tabulate")


def kill_in_the_middle(state: State, chance: random.Random) -> str:
    """Start a run and end it somewhere; then wait for what it has left running."""
    way = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
    with state.project.start(*CONSENT, **ENVIRONMENT) as run:
        moment = time.monotonic() + chance.uniform(0.5, 6)
        while run.poll() is None and time.monotonic() < moment:
            time.sleep(0.02)
        if run.poll() is not None:
            return "and a run that ended before it was killed"
        tree = below(run.pid)
        run.send_signal(way or signal.SIGKILL)
        for process in tree if way is None else []:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        try:
            run.wait(60)
        except subprocess.TimeoutExpired:  # its handler of SIGTERM may wait for a lock that it holds itself
            run.kill()
    _, alive = psutil.wait_procs(tree, 120)
    assert not alive
    assert state.project.snakemake("--unlock").code == 0
    return f"and a run ended by {way.name if way else 'a power cut'}"


def check_refusal(state: State, said: list[str]) -> Run:
    """Run without consent: it either ends well, or asks before anything of a finished milestone is removed."""
    kept = [*state.directory.glob("results/pretrain/*/*.pt"), *state.directory.glob("results/pretrain/*/audio/*")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    run = state.project.snakemake(**ENVIRONMENT)
    if run.code != 0:
        assert "repeat_pretraining=True" in run.output, explain(said, run)
        assert {path: path.stat().st_mtime_ns for path in kept if path.exists()} == before, explain(said, run)
    return run


def explain(said: list[str], run: Run) -> str:
    return "\n".join([*said, run.output[-6000:]])


def choose(chance: random.Random) -> list[changes.Change]:
    """One to three things that a user may do at once."""
    kinds = chance.choices([changes.CONFIG, changes.CORPORA, changes.FILES], [5, 3, 3], k=chance.randint(1, 3))
    return [chance.choice(kind) for kind in kinds]


def play(state: State, scratch: Path, chance: random.Random, said: list[str]) -> None:
    """One round: changes, a run, a look at it, and a run from scratch to compare with."""
    backup = scratch.with_name("backup")
    save(state, backup)
    keys = dict(state.keys)
    for change in choose(chance):
        said.append(change(state, chance))
    state.configure()
    expected = from_scratch(state, scratch)
    if expected.code != 0:  # such as a corpus of which nothing is left to validate on
        said.append("which cannot work: taken back")
        restore(state, backup)
        state.keys = keys
        state.configure()
        return
    was_killed = chance.random() < 0.15
    if was_killed:
        said.append(kill_in_the_middle(state, chance))
    before = Trained.of(state.directory)
    run = check_refusal(state, said) if chance.random() < 0.3 else None
    if run is None or run.code != 0:
        before = Trained.of(state.directory)
        run = state.project.snakemake(*CONSENT, **ENVIRONMENT)
    assert run.code == 0, explain(said, run)
    assert state.project.snakemake("-n").nothing, explain(said, state.project.snakemake("-n"))
    check_order(run, state.directory)
    assert (scratch / "results/provenance.json").exists(), explain([*said, "from scratch"], expected)
    ours, theirs = results_of(state.directory), results_of(scratch)
    if "- No interval and no test: " in ours["cer.md"]:
        ours, theirs = without_certainty(ours), without_certainty(theirs)
    differing = [name for name in theirs if ours.get(name) not in (theirs[name], "deleted")]
    assert differing == [], explain([*said, str(differing)], run)
    if not was_killed:
        assert needless(run, before, Trained.of(state.directory)) == [], explain(said, run)


def save(state: State, backup: Path) -> None:
    shutil.rmtree(backup, ignore_errors=True)
    backup.mkdir()
    shutil.copytree(state.directory / "corpora", backup / "corpora", symlinks=True)
    for path in state.directory.glob("*.yaml"):
        shutil.copy2(path, backup)


def restore(state: State, backup: Path) -> None:
    """What a user does who sees that something cannot work; the dates are new ones."""
    shutil.rmtree(state.directory / "corpora")
    shutil.copytree(backup / "corpora", state.directory / "corpora", symlinks=True, copy_function=shutil.copy)
    for path in backup.glob("*.yaml"):
        shutil.copy(path, state.directory)


def test_random_changes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    faulthandler.cancel_dump_traceback_later()  # hundreds of rounds take longer than one test may
    rounds, seed = (request.config.getoption(name) for name in ("--rounds", "--seed"))
    chance = random.Random(seed)
    state = new_project(tmp_path / "a project")
    first = state.project.snakemake(**ENVIRONMENT)
    assert first.code == 0, first.output
    said: list[str] = []
    for number in range(rounds):
        said.append(f"round {number}:")
        start = time.monotonic()
        play(state, tmp_path / "from scratch", chance, said)
        last = said[max(index for index, text in enumerate(said) if text.startswith("round")) :]
        print(f"{' '.join(last)} ({time.monotonic() - start:.0f} s)", flush=True)
