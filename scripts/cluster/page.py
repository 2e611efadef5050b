"""The page that `status` prints: plain text of at most WIDTH columns."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from scripts.cluster import liveness, words
from scripts.cluster.history import History, total
from scripts.cluster.liveness import State
from scripts.cluster.progress import Branch, Pretraining, Published, Underway
from scripts.cluster.training_logs import Speed
from scripts.trainers import beside
from scripts.trainers.curves import Point
from scripts.trainers.queue import Job

WIDTH = 100
WIDEST_LABEL = 46
SILENCE = 900  # seconds without a line in the log that are never suspicious: fairseq reads, validates and saves
LATE = 5  # log intervals of silence that are not, either

Queue = Mapping[str, Job] | None
Entry = tuple[str, Sequence[str]]  # a label, and facts to be parted by commas


def pretraining(run: Pretraining, queue: Queue, now: float, chain: Sequence[int]) -> str:
    """One pre-training run. `now`: seconds since the epoch; `chain`: the milestones of the config, where known."""
    entries: list[Entry] = [(_after(part.updates), ["published", _validation(part)]) for part in run.published]
    entries += [(_after(part.updates), underway(part, run.speed, queue, now)) for part in run.underway]
    entries += [entry for note in run.notes for entry in _noted(note)]
    if run.best is not None:
        entries.append(("best so far", [_validation(run.best), f"at update {run.best.updates:,}"]))
    entries += _ahead(run, chain)
    text = section(": ".join([f"Pre-training {run.model}", *_cost(run.history)]), entries)
    return "\n".join([text, *_curve(run.points)])


def _noted(note: Mapping[str, Any]) -> list[Entry]:
    """What the guard of a training has said."""
    stopped = [("STOPPED", [note["stopped"]])] if note.get("stopped") else []
    return [*stopped, *(("warning", [sentence]) for sentence in note.get("warnings", {}).values())]


def _curve(points: Sequence[Point]) -> list[str]:
    """A run over the published one, and where it stands."""
    other = beside.published()
    said = beside.sentence(points, other)
    return (
        [textwrap.fill(said, WIDTH, initial_indent="  ", subsequent_indent="  "), beside.drawing(points, other)]
        if said
        else []
    )


def underway(part: Underway, known: Speed | None, queue: Queue, now: float) -> list[str]:
    """Facts about a milestone that is not published. `known`: the speed of the run, until this one has its own."""
    log, alive = part.log, liveness.of(part.history, queue)
    speed, silence = log.speed or known, _silence(part.written, now)
    stuck = _is_stuck(alive.state, silence, log.speed)
    facts = [alive.words]
    if log.updates is not None:
        facts.append(f"{log.updates:,} of {part.updates:,} updates ({log.updates / part.updates:.0%})")
    if speed is not None and log.updates is not None:
        seconds = max(part.updates - log.updates, 0) / speed.updates_per_second
        facts.append(f"{speed.updates_per_second:.3g} updates/s")
        if alive.state is State.RUNNING and not stuck:
            ready = datetime.fromtimestamp(now - min(silence or 0.0, seconds) + seconds)
            facts.append(f"ready in {words.duration(ready.timestamp() - now)} ({words.moment(ready)})")
        else:
            facts.append(f"{words.duration(seconds)} of computing to go")
    named = {"loss": log.loss, "code perplexity": log.code_perplexity, "accuracy": log.accuracy}
    facts += [f"{name} {value:.4g}" for name, value in named.items() if value is not None]
    if log.validation_loss is not None:
        facts.append(f"validation loss {log.validation_loss:.4g} at update {log.validated_at or 0:,}")
    return [*facts, _last_line(silence, stuck)]


def finetuning(branches: Sequence[Branch], queue: Queue, now: float) -> str:
    """All fine-tunings, grouped by task and model."""
    groups = groupby(branches, key=lambda branch: (branch.task, branch.model))
    parts = [(task, model, list(group)) for (task, model), group in groups]
    return "\n\n".join(
        section(
            ": ".join([f"Fine-tuning {task} from {model}", *_cost(total(branch.history for branch in group))]),
            [(branch.name, _branch(branch, queue, now)) for branch in group],
        )
        for task, model, group in parts
    )


def slurm(queue: Mapping[str, Job], now: float) -> str:
    """SLURM's queue, as far as it is this directory's."""
    if not queue:
        return "SLURM: no job of this directory is in the queue"
    count = f"{len(queue)} jobs" if len(queue) > 1 else "1 job"
    return jobs(f"SLURM: {count} of this directory", list(queue.values()), now)


def jobs(title: str, queued: Sequence[Job], now: float) -> str:
    """A title, and below it each job with what it does."""
    return section(title, [(f"{job.id} {job.task}", describe(job, now)) for job in queued])


def describe(job: Job, now: float) -> list[str]:
    """What a job does, or why it does not start."""
    if job.pending:
        expected = job.start is not None and job.start.timestamp() > now
        start = [f"expected to start {words.moment(job.start)}"] if expected and job.start else []
        return [f"pending: {words.reason(job.reason)}", *start]
    limit = f" of {_span(job.limit)}" if job.limit else ""
    elapsed = f" for {_span(job.elapsed)}{limit}" if job.elapsed is not None else ""
    return [f"{job.state.lower()}{elapsed}{f' on {job.nodes}' if job.nodes else ''}"]


def section(title: str, entries: Sequence[Entry]) -> str:
    """A title, and below it labels with their facts, wrapped at WIDTH."""
    column = max((len(label) for label, _ in entries if len(label) <= WIDEST_LABEL), default=0) + 4
    return "\n".join([title, *(_entry(label, ", ".join(facts), column) for label, facts in entries)])


def _entry(label: str, facts: str, column: int) -> str:
    own_line = len(label) > WIDEST_LABEL
    indent = " " * (6 if own_line else column)
    first = indent if own_line else f"  {label}".ljust(column)
    text = textwrap.fill(facts, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    return f"  {label}"[:WIDTH] + f"\n{text}" if own_line else text


def _branch(branch: Branch, queue: Queue, now: float) -> list[str]:
    log, alive, silence = branch.log, liveness.of(branch.history, queue), _silence(branch.written, now)
    of = f" of {log.max_epochs}" if log.max_epochs is not None else ""
    facts = ["done" if branch.done else alive.words, f"{log.epochs}{of} epochs"]
    if log.cer is not None:
        facts.append(f"cer_ctc {log.cer:.3g}")
    if log.learning_rate is not None:
        facts.append(f"learning rate {log.learning_rate:.3g}")
    facts += _cost(branch.history)
    return facts if branch.done else [*facts, _last_line(silence, _is_stuck(alive.state, silence, None))]


def _ahead(run: Pretraining, chain: Sequence[int]) -> list[Entry]:
    """What the config asks for beyond what has been started."""
    begun = {part.updates for part in [*run.published, *run.underway]}
    entries: list[Entry] = []
    if to_come := [updates for updates in chain if updates not in begun]:
        entries.append(("to come", [f"after {' '.join(f'{updates:,}' for updates in to_come)} updates"]))
    reached = max([part.updates for part in run.published] + [part.log.updates or 0 for part in run.underway])
    if chain and chain[-1] > reached and run.speed is not None:
        seconds = (chain[-1] - reached) / run.speed.updates_per_second
        entries.append(("whole run", [f"{words.duration(seconds)} of computing to go at this speed"]))
    return entries


def _is_stuck(state: State, silence: float | None, speed: Speed | None) -> bool:
    if state is not State.RUNNING or silence is None:
        return False
    return silence > max(SILENCE, LATE * speed.interval if speed else 0.0)


def _last_line(silence: float | None, stuck: bool) -> str:
    if silence is None:
        return "no log yet"
    return f"last line of its log {words.duration(silence)} ago{': IS IT STUCK?' if stuck else ''}"


def _silence(written: float | None, now: float) -> float | None:
    return None if written is None else max(now - written, 0.0)


def _cost(history: History) -> list[str]:
    """GPU hours and starts, as one fact; none where no owner is on record."""
    if not history.starts:
        return []
    return [f"{history.gpu_hours:,.1f} GPU hours in {history.starts} start{'s' if history.starts > 1 else ''}"]


def _validation(part: Published) -> str:
    return "not validated" if part.validation_loss is None else f"validation loss {part.validation_loss:.4g}"


def _after(updates: int) -> str:
    return f"after {updates:,} updates"


def _span(time: timedelta) -> str:
    return words.duration(time.total_seconds())
