"""Watch a training by what fairseq's log says: stop what no patience mends, and warn of what is suspicious.

Both are kept in a note beside the log. A try that finds that the one before was stopped ends with the same sentence at
once: neither Snakemake's retries nor a second call take GPUs for what would end the same.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.common.errors import StepError
from scripts.pretrain.findings import Expected, Finding
from scripts.pretrain.signs import SIGNS, numerics
from scripts.trainers import fairseq_log
from scripts.trainers.fairseq_log import Row
from scripts.trainers.supervisor import LAST_LINES
from scripts.trainers.tail import Tail
from scripts.trainers.work import LOG, NOTE

MODES = ("stop", "warn", "off")
CHECKPOINTS_AHEAD = 3  # for which the disk has to have room: the last, a numbered one and the best, each written anew


def judge(rows: Sequence[Row], of: Expected) -> list[Finding]:
    """What the last row of a training, read with those before it, tells. What stops comes first."""
    if not rows:
        return []
    found = [finding for sign in SIGNS if (finding := sign(rows, of)) is not None]
    return sorted(found, key=lambda finding: not finding.stops)


def all_findings(rows: Sequence[Row], of: Expected) -> Iterator[Finding]:
    """The first finding of each kind, as the rows come in."""
    known = set()
    for end in range(1, len(rows) + 1):
        for finding in judge(rows[:end], of):
            if (finding.kind, finding.stops) not in known:
                known.add((finding.kind, finding.stops))
                yield finding


def dying(lines: Sequence[str], updates: int, of: Expected) -> Finding | None:
    """The numerical failure that fairseq's last lines tell of; None of any other."""
    for words in ("Minimum loss scale reached", "gradients are Nan/Inf"):
        if any(words in line for line in lines):
            return Finding("no number", True, updates, f"fairseq gave up with `{words}`", numerics(of))
    return None


@dataclass
class Guard:
    """Watches one segment of a run. `key`: the run in the config; `rows`: of the segments before and of earlier starts.

    `mode`: stop, warn (stops nothing, says the same) or off.
    """

    mode: str
    key: str
    work: Path
    of: Expected
    rows: list[Row] = field(default_factory=list)
    warnings: dict[str, str] = field(default_factory=dict)  # by kind
    _tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.log)

    def begin(self) -> None:
        """Begin behind what the log has already. Raises StepError where the try before was stopped."""
        note = read_note(self.work)
        if self.mode == "stop" and note["stopped"]:
            raise StepError(note["stopped"])
        self.warnings = note["warnings"]
        self._write(None)
        self._tail.read = self.log.stat().st_size if self.log.exists() else 0

    @property
    def log(self) -> Path:
        return self.work / LOG

    def look(self) -> None:
        """Look at what the log has got. Raises StepError to stop the training."""
        if self.mode == "off":
            return
        for line in self._tail.lines():
            if fairseq_log.take(self.rows, line):
                for finding in judge(self.rows, self.of):
                    self._say(finding)
                self._look_at_the_disk()

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Of a trainer that dies of its numbers say so, and that another try would."""
        try:
            yield
        except StepError:
            text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
            lines = text.splitlines()[-4 * LAST_LINES :]
            finding = dying(lines, self.rows[-1].updates if self.rows else 0, self.of)
            if finding is not None and self.mode != "off":
                self._say(finding)
            raise

    def _say(self, finding: Finding) -> None:
        if finding.stops and self.mode == "stop":
            sentence = (
                f"{self.key} was stopped by its guard: {finding}; another try would end the same: mend the recipe, or "
                f"set {self.key}.guard to warn, or remove {self.work / NOTE} to go on as it is"
            )
            self._write(sentence)
            raise StepError(sentence)
        if finding.kind not in self.warnings:
            self._warn(finding.kind, f"{self.key}: {finding}")

    def _warn(self, kind: str, sentence: str) -> None:
        self.warnings[kind] = sentence
        self._write(None)
        print(f"warning: {sentence}", flush=True)

    def _look_at_the_disk(self) -> None:
        last = self.work / "checkpoints" / "checkpoint_last.pt"
        free = shutil.disk_usage(self.work).free
        if "disk" not in self.warnings and last.exists() and free < CHECKPOINTS_AHEAD * last.stat().st_size:
            size = last.stat().st_size
            self._warn(
                "disk", f"{self.work}: {free / 1e9:.1f} GB are free, a checkpoint takes {size / 1e9:.1f}: make room"
            )

    def _write(self, stopped: str | None) -> None:
        files.write_json(self.work / NOTE, {"stopped": stopped, "warnings": self.warnings})


def read_note(work: Path) -> dict[str, Any]:
    """What a guard has noted: `stopped`, a sentence or None, and `warnings`, sentences by kind."""
    return files.read_json(work / NOTE) if (work / NOTE).exists() else {"stopped": None, "warnings": {}}


def mode(text: str) -> str:
    """A mode as the command line has it: YAML takes `off` for false."""
    return "off" if text == "False" else text
