"""The page that a rehearsal ends with, and what of it stands in the way of the experiment."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.cluster import page, words
from scripts.cluster.rehearsal import estimate, measured
from scripts.cluster.rehearsal.call import Call
from scripts.cluster.rehearsal.corpus import Corpus
from scripts.cluster.rehearsal.measured import Pace
from scripts.cluster.rehearsal.plan import UPDATES, Plan, recipe_of
from scripts.common import sidecars
from scripts.common.users import scored_of
from scripts.trainers.work import LOG, WORK

STARVING = 0.1  # of the time without audio: GPUs stand idle for hours
TIGHT = 0.9  # of the memory that a job was given
SAVED = 600  # seconds of a job's time at whose end a trainer is asked to save

NOT_TOLD = """\
validation and saving on the way (6 % of the published run's time); time in the queue; a file system that is slower once
others use it, or is faster here, as what was just packed is still in memory; how fast GPUs are when they are hot; given
checkpoints and the environments (disk); what a kill leaves in the middle of an epoch: the tests have that"""


@dataclass
class Report:
    """The page's parts, and sentences on what has to be mended first."""

    parts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def report(call: Call, plan: Plan, corpora: Mapping[str, Corpus], place: Path) -> Report:
    """`corpora`: the surveys of the whole ones."""
    found = Report()
    corpora = estimate.calibrated(corpora, {name: _factor(corpora[name], name, place) for name in corpora})
    for model in plan.models:
        found.parts.append(page.section(f"Pre-training {model}", list(_pretraining(call, model, place, found))))
    for task in plan.tasks:
        entries = list(_finetuning(call, plan, task, corpora, place, found))
        found.parts.append(page.section(f"Fine-tuning {task}", entries))
    found.parts.append(page.section("Disk until the table", list(_disk(call, plan, corpora, place, found))))
    found.parts.append(page.section("Not told by a rehearsal", [("", [NOT_TOLD.replace("\n", " ")])]))
    return found


def _factor(corpus: Corpus, name: str, place: Path) -> float:
    """By how much utterances are longer than their files' sizes say; of those that were listed."""
    table = place / f"results/corpora/{name}/utterances.tsv"
    guessed = {each.entry.utterance: each.seconds for part in corpus.values() for each in part}
    if not table.is_file():
        return 1.0
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    heard = sum(int(row[4]) for row in rows if row[0] in guessed) / estimate.SAMPLE_RATE
    return heard / max(sum(guessed[row[0]] for row in rows if row[0] in guessed), 1e-9) if heard else 1.0


def _pretraining(call: Call, model: str, place: Path, found: Report) -> Iterator[page.Entry]:
    run, folder = call.config["pretraining"][model], place / "results/pretrain" / model
    milestones = [folder / f"after-{updates}-updates.pt" for updates in (UPDATES // 2, UPDATES)]
    logs = [log for path in milestones for log in folder.glob(f"{WORK}/{path.stem}-*/{LOG}")]
    benchmark = place / f"benchmarks/pretrain/{model}/{milestones[-1].stem}.tsv"
    pace, facts = measured.pretraining(logs), sidecars.read(milestones[-1])
    key = f"pretraining.{model}"
    if pace.skipped:
        found.problems.append(
            f"{key}: batches did not fit into the GPU's memory and were left out: halve max_tokens in {run['recipe']} "
            f"and double effective_gpus, or take GPUs with more"
        )
    yield (
        "memory",
        _memory(call, "pretrain", pace, benchmark, found),
    )
    yield "loader", _loader(pace, f"{key}: raise cpus_per_task, and num_workers in {run['recipe']}", found)
    if facts and pace.resumed_at == UPDATES // 2:
        yield "resuming", [f"a second job went on from update {UPDATES // 2} to {UPDATES}"]
    else:
        yield "resuming", ["not seen in its log" if facts else "not reached"]
    yield from _speed(pace, facts, estimate.updates_of(run), 1)


def _finetuning(
    call: Call, plan: Plan, task: str, corpora: Mapping[str, Corpus], place: Path, found: Report
) -> Iterator[page.Entry]:
    entry, (model, start) = call.config["finetuning"][task], plan.tasks[task]
    recipe, corpus = recipe_of(entry), corpora[entry["corpus"]]
    branch = f"{task}/from/{model}/{start}/lr-{entry['learning_rates'][0]}/seed-{entry['seeds'][0]}"
    folder = place / "results/finetune" / branch
    log = next(folder.glob(f"{WORK}/*/{LOG}"), folder / LOG)
    pace, facts = measured.finetuning(log, recipe.get("accum_grad") or 1), sidecars.read(folder / "epochs")
    yield "memory", _memory(call, "finetune", pace, place / f"benchmarks/finetune/{branch}.tsv", found)
    yield "loader", _loader(pace, f"finetuning.{task}: look at the file system that its corpus lies on", found)
    yield "resuming", ["not rehearsed: a second start goes on behind the last whole epoch"]
    updates = estimate.updates_an_epoch(recipe, estimate.trained_on(entry, corpus))
    epochs, branches = recipe.get("max_epoch") or 1, estimate.branches_of(call.config, task)
    yield from _speed(pace, facts, updates * epochs, branches)
    if pace.seconds:
        validation = (pace.validation or 0) * len(corpus.get("dev", [])) / max(_validated(place, task), 1)
        yield _epoch(call, task, updates, updates * pace.seconds + validation, found)
    if transcribed := _transcribed(place, branch, scored_of(entry)):
        here = sum(_lines(place, branch, subset) for subset in scored_of(entry))
        there = sum(len(corpus.get(subset, [])) for subset in scored_of(entry))
        each = words.duration(transcribed * there / max(here, 1))
        yield "transcribing", [f"at most {each} each", f"{there:,} utterances"]


def _epoch(call: Call, task: str, updates: int, seconds: float, found: Report) -> page.Entry:
    """An epoch of fine-tuning, which has to fit into a job's time: ESPnet saves at its end."""
    limit = call.resource("finetune", "runtime")
    if limit is not None and seconds + SAVED > limit * 60:
        found.problems.append(
            f"an epoch of fine-tuning {task} takes {words.duration(seconds)} and is saved at its end: raise runtime of "
            f"set-resources.finetune in the profile, which is {words.duration(limit * 60)}"
        )
    return "an epoch", [f"{updates:,} updates", f"{words.duration(seconds)} with its validation"]


def _memory(call: Call, rule: str, pace: Pace, benchmark: Path, found: Report) -> list[str]:
    facts = []
    if pace.gpu_used is not None:
        total = f" of {pace.gpu_total:.1f}" if pace.gpu_total else ""
        facts.append(f"GPU: {pace.gpu_used:.1f}{total} GB")
    rss, given = _benchmark(benchmark, "max_rss"), call.resource(rule, "mem_mb")
    if rss is not None:
        of = f" of {given / 1000:,.1f}" if given else ""
        facts.append(f"job: {rss / 1000:,.1f}{of} GB")
        if given and rss > TIGHT * given:
            found.problems.append(f"{rule} took {rss:,.0f} MB of {given:,}: raise mem_mb of set-resources.{rule}")
    return facts or ["not told by its log"]


def _loader(pace: Pace, remedy: str, found: Report) -> list[str]:
    if pace.waiting is None:
        return ["not told by its log"]
    share, error = pace.waiting
    if error > STARVING:
        return ["updates are too short to tell from the log"]
    if share - error > STARVING:
        found.problems.append(f"{share:.0%} of the time the trainer waits for audio; {remedy}")
    return [f"waited for {share:.0%} of the time" + (f" (give or take {error:.0%})" if error else "")]


def _speed(pace: Pace, facts: Mapping[str, Any], updates: int, count: int) -> Iterator[page.Entry]:
    if not pace.seconds:
        yield "speed", ["not told by its log"]
        return
    processes, device = facts.get("processes", 1), facts.get("device", "an unknown device")
    times = f"{processes} x {device}" if processes > 1 else device
    yield "speed", [f"{1 / pace.seconds:,.3g} updates/s on {times}"]
    seconds = pace.seconds * updates
    cost = "CPU" if device == "cpu" else "GPU"
    hours = f"{seconds * processes * count / 3600:,.1f} {cost} hours"
    each = f"{updates:,} updates" + (f" in each of {count} fine-tunings" if count > 1 else "")
    yield "until the table", [each, f"{words.duration(seconds)} of computing" + (" each" if count > 1 else ""), hours]


def _disk(call: Call, plan: Plan, corpora: Mapping[str, Corpus], place: Path, found: Report) -> Iterator[page.Entry]:
    items = estimate.disk(call.config, plan, corpora, place)
    yield from ((item.name, [words.size(item.bytes), item.why]) for item in items)
    needed, free = sum(item.bytes for item in items), shutil.disk_usage(call.directory).free
    yield "in all", [words.size(needed), f"{words.size(free)} are free"]
    if needed > free:
        found.problems.append(
            f"the experiment takes {words.size(needed)} and {call.directory} has {words.size(free)}: "
            f"make room, or work where there is some"
        )


def _validated(place: Path, task: str) -> int:
    """Utterances of dev in the rehearsal."""
    path = place / f"results/finetune/{task}/data/dev/text"
    return path.read_text(encoding="utf-8").count("\n") if path.is_file() else 0


def _transcribed(place: Path, branch: str, subsets: list[str]) -> float:
    """Seconds that transcribing took, in one job or in one a subset."""
    of_subsets = [f"transcribe_subset/{branch.replace('/from', f'/{subset}/from', 1)}" for subset in subsets]
    names = [f"transcribe/{branch}", *of_subsets]
    return sum(_benchmark(place / f"benchmarks/{name}.tsv", "s") or 0.0 for name in names)


def _lines(place: Path, branch: str, subset: str) -> int:
    """Utterances that were transcribed."""
    path = place / "results/transcripts" / branch.replace("/from", f"/{subset}/from", 1) / "text"
    return path.read_text(encoding="utf-8").count("\n") if path.is_file() else 0


def _benchmark(path: Path, name: str) -> float | None:
    """A figure of a benchmark of Snakemake's; memory in MB. None where there is none."""
    try:
        header, row = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
        return float(row[header.index(name)])
    except (OSError, ValueError):
        return None
