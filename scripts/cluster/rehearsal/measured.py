"""What the trainers' logs say of a rehearsal: seconds an update, the wait for audio, memory."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.trainers import fairseq_log

STARTING = 3  # updates of each start that are left out: workers start, kernels are chosen

_TOTAL = re.compile(r"total memory = ([\d.]+) GB")
_OUT_OF_MEMORY = "attempting to recover from OOM"  # fairseq leaves the update out and goes on
_BATCHES = re.compile(r"\b\d+epoch:train:(\d+)-\d+batch: (.*)$", re.MULTILINE)
_VALIDATED = re.compile(r"\[valid\].*?\btime=(?:(\d+) minutes? and )?([\d.]+) seconds?")
_CACHED = re.compile(r"\bgpu_max_cached_mem_GB=([\d.]+)")
_FACT = re.compile(r"(iter_time|train_time)=([\d.]+(?:e[+-]?\d+)?)")  # the latter has no comma before it


@dataclass(frozen=True)
class Pace:
    """How a trainer went. None: its log does not say. `seconds`: an update; `waiting`: the share of the time without
    audio, and how far it may be off; memory in GiB, of the GPU that had most of it taken.
    """

    seconds: float | None = None
    waiting: tuple[float, float] | None = None
    gpu_used: float | None = None
    gpu_total: float | None = None
    resumed_at: int | None = None
    skipped: bool = False  # whether updates did not fit into the GPU
    validation: float | None = None  # seconds


def pretraining(logs: Iterable[Path]) -> Pace:
    """From fairseq's logs, one a segment, in their order, with a line an update (log_interval: 1)."""
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs if log.is_file()]
    spans, waits = [], []
    free, total, resumed = [], [], None
    for text in texts:
        spans += _intervals(text)
        waits += _waits(text)
        free += [float(value) for value in re.findall(r'"gb_free": "([\d.]+)"', text)]
        total += [float(value) for value in _TOTAL.findall(text)]
        resumed = max([resumed or 0, *map(int, fairseq_log.LOADED.findall(text))]) or None
    updates, seconds = sum(n for n, _ in spans), sum(time for _, time in spans)
    passed = sum(time for time, _ in waits)
    return Pace(
        seconds=seconds / updates if updates else None,
        waiting=_share(passed - sum(trained for _, trained in waits), passed, len(waits)),
        gpu_used=min(total) - min(free) if free and total else None,
        gpu_total=min(total, default=None),
        resumed_at=resumed,
        skipped=any(_OUT_OF_MEMORY in text for text in texts),
    )


def finetuning(log: Path, accum_grad: int) -> Pace:
    """From ESPnet's log, with two lines an epoch, of which the first includes the start. `accum_grad`: batches an
    update.
    """
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = [dict(_FACT.findall(facts)) for first, facts in _BATCHES.findall(text) if first != "1"]
    lines = [facts for facts in lines if "train_time" in facts]
    seconds = sum(float(facts["train_time"]) for facts in lines) / len(lines) if lines else None
    waited = [float(facts["iter_time"]) * accum_grad for facts in lines if "iter_time" in facts]
    spent = _VALIDATED.findall(text)
    return Pace(
        seconds=seconds,
        waiting=_share(sum(waited) / len(waited), seconds, 0.0) if waited and seconds else None,
        gpu_used=max((float(value) for value in _CACHED.findall(text)), default=None),
        validation=60 * float(spent[-1][0] or 0) + float(spent[-1][1]) if spent else None,
    )


def _intervals(text: str) -> list[tuple[int, float]]:
    """Updates and seconds from one line of train_inner to the next, where nothing else happened in between.

    Left out are the first of each start.
    """
    found, before, passed = [], None, 0
    for time, logger, message in fairseq_log.dated(text):
        if logger in ("train", "valid", "fairseq.checkpoint_utils"):
            before = None
        elif message.startswith(fairseq_log.BEGINNING):
            before, passed = None, 0
        if logger != "train_inner":
            continue
        try:
            now = time, int(json.loads(message)["num_updates"])
        except (ValueError, KeyError, TypeError):  # several processes wrote into one another
            continue
        if before is not None and passed >= STARTING and now[1] > before[1]:
            found.append((now[1] - before[1], now[0] - before[0]))
        before, passed = now, passed + 1
    return found


def _waits(text: str) -> list[tuple[float, float]]:
    """Of each epoch, or what of it was trained, the seconds behind its first update, and those of them in training.

    fairseq rounds the latter to whole seconds.
    """
    found, first, last, trained = [], None, None, 0.0
    for time, logger, message in fairseq_log.dated(text):
        if "egin training epoch" in message:
            first = None
        if logger not in ("train_inner", "train"):
            continue
        try:
            facts = json.loads(message)
        except ValueError:
            continue
        if logger == "train_inner":
            last = time
            if first is None:
                first, trained = last, float(facts.get("train_wall", 0))
        elif first is not None and last is not None and last > first and "train_train_wall" in facts:
            found.append((last - first, float(facts["train_train_wall"]) - trained))
            first = None
    return found


def _share(waited: float, passed: float, error: float) -> tuple[float, float] | None:
    return (min(max(waited / passed, 0.0), 1.0), error / passed) if passed else None
