"""Time the way of a corpus to packed audio, each step beside a peer that does the same work in the same run.

python -m benchmarks.corpora --transcripts DIR --json OUT      a quarter of an hour, 10 GB of disk
python -m benchmarks.corpora --transcripts DIR --only listing

Commands alternate with their peer; a figure is the median of the rounds (least to most). CPU is that of all threads,
user and system; what stands in the page cache is read from it. DIR holds sentences, one a line behind an id or alone:
aishell1_dev.txt and aishell1_test.txt are held out, the others (*.txt) are spoken.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.made_corpus import make, sentences_of
from scripts.common.errors import StepError, exit_on_error

REAL_SIZE = 1_009_000
HELDOUT = ("aishell1_dev.txt", "aishell1_test.txt")

FILTER = """
import sys
from pathlib import Path
from scripts.common import tables
from scripts.corpora.census import HELDOUT_COLUMNS
from scripts.corpora.drop_leakage import drop_leakage, said_first
heldout = said_first(tables.read_table(Path(sys.argv[2]), HELDOUT_COLUMNS))
kept, _ = drop_leakage(tables.read_utterances(Path(sys.argv[1])), heldout)
tables.write_utterances(kept, Path(sys.argv[3]))
"""
FILTER_BY_PANDAS = """
import sys
import pandas as pd
table, heldout = (pd.read_csv(path, sep="\\t", quoting=3, dtype=str) for path in sys.argv[1:3])
table[~table["transcript"].isin(heldout["transcript"])].to_csv(sys.argv[3], sep="\\t", quoting=3, index=False)
"""
PART = """
import sys
from pathlib import Path
from scripts.corpora.concatenate import part_of
part_of(Path(sys.argv[1]), ["corpus"], 6, 20, 64)
"""
WHOLE = """
import sys
from pathlib import Path
from scripts.common import tables
tables.read_table(Path(sys.argv[1]), tables.LISTED_COLUMNS)
"""


class Usage(NamedTuple):
    """What a command took: seconds, and the most memory that it held, in MB."""

    wall: float
    user: float
    cpu: float
    peak: float


def run(command: Sequence[object], **environment: str) -> Usage:
    """Raises StepError for a command that fails."""
    begin = time.perf_counter()
    words = list(map(str, command))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, env=os.environ | environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise StepError(f"{' '.join(words)[:200]}: {log.read().decode(errors='replace').strip()[-300:]}")
    wall = time.perf_counter() - begin
    return Usage(wall, used.ru_utime, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def compare(name: str, own: Callable[[], Usage], peer: Callable[[], Usage], rounds: int) -> dict[str, Any]:
    """Ours and the peer by turns, once before for the page cache."""
    for warm_up in (peer, own) if rounds > 1 else ():
        warm_up()
    pairs = [(own(), peer()) for _ in range(rounds)]
    sides = {"own": [pair[0] for pair in pairs], "peer": [pair[1] for pair in pairs]}
    row = {"work": name} | {side: summary(usages) for side, usages in sides.items()}
    ratios = {key: [getattr(a, key) / max(getattr(b, key), 0.01) for a, b in pairs] for key in Usage._fields}
    return row | {"of_peer": {key: statistics.median(values) for key, values in ratios.items()}}


def summary(usages: Sequence[Usage]) -> dict[str, list[float]]:
    """Of each figure the median, the least and the most."""
    columns = zip(Usage._fields, zip(*usages, strict=True), strict=True)
    return {key: [statistics.median(values), min(values), max(values)] for key, values in columns}


def python(*words: object) -> list[object]:
    return [sys.executable, *words]


def list_command(root: Path, folder: Path, threads: int = 1) -> list[object]:
    names = ("utterances", "rejected", "heldout")
    tables = [word for name in names for word in (f"--{name}", folder / f"{name}.tsv")]
    step = python("-m", "scripts.corpora.list_utterances", "--format", "aishell2", "--root", root)
    return [*step, *tables, "--threads", threads]


def manifest_command(root: Path, folder: Path) -> list[object]:
    """fairseq's own list of a folder of audio."""
    package = Path(importlib.util.find_spec("fairseq").origin).parent  # imported, it would weigh on every peak
    script = package / "examples/wav2vec/wav2vec_manifest.py"
    return python(script, root, "--dest", folder, "--ext", "wav", "--valid-percent", 0)


class Bench:
    """The corpora that are measured on, each made when it is first asked for, and the measurements by name."""

    def __init__(self, folder: Path, transcripts: Path, small: int, large: int, rounds: int) -> None:
        self.folder, self.small, self.large, self.rounds = folder, small, large, rounds
        self.heldout = sentences_of([transcripts / name for name in HELDOUT])
        others = sorted(path for path in transcripts.glob("*.txt") if path.name not in HELDOUT)
        self.sentences = sentences_of(others)

    def corpus(self, name: str, *arguments: Any, **keys: Any) -> Path:
        root = self.folder / name
        if not root.exists():  # in a process of its own: a command begins with the memory of who starts it as its peak
            maker = multiprocessing.get_context("spawn").Process(target=make, args=(root, *arguments), kwargs=keys)
            maker.start()
            maker.join()
            if maker.exitcode:
                raise StepError(f"{root} could not be made: delete it, and look above")
        return root

    def short(self) -> Path:
        return self.corpus("short", self.small, self.sentences, seconds=0.1)

    def real(self) -> Path:
        return self.corpus("real", self.large, self.sentences, self.heldout, plants=6_000)

    def listing(self) -> dict[str, Any]:
        root, commands = self.short(), (list_command, manifest_command)
        own, peer = (lambda command=command: run(command(root, self.folder)) for command in commands)
        return compare(f"listing {self.small:,} short wavs, beside wav2vec_manifest.py", own, peer, self.rounds)

    def slow(self) -> dict[str, Any]:
        root, library = self.short(), self.folder / "slow_open.so"
        source = Path(__file__).with_name("slow_open.c")
        run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"])
        commands = (list_command(root, self.folder, threads=32), manifest_command(root, self.folder))
        own, peer = (lambda command=command: run(command, LD_PRELOAD=str(library)) for command in commands)
        return compare(f"the same, each open 1 ms slower, 32 threads ({self.small:,})", own, peer, 1)

    def million(self) -> dict[str, Any]:
        usages = [run(list_command(self.real(), self.folder, threads=8)) for _ in range(2)]
        return {"work": f"listing {self.large:,} utterances", "own": summary(usages)}

    def listed(self) -> tuple[Path, Path]:
        """The list of the large corpus, and a table of what is held out."""
        table, heldout = self.folder / "large.tsv", self.folder / "large-heldout.tsv"
        if not table.exists():
            run(list_command(self.real(), self.folder, threads=8))
            os.replace(self.folder / "utterances.tsv", table)
            rows = (f"H{number}\tdev\t{sentence}\n" for number, sentence in enumerate(self.heldout))
            heldout.write_text("utterance\tsubset\ttranscript\n" + "".join(rows), encoding="utf-8")
        return table, heldout

    def leakage(self) -> dict[str, Any]:
        words = (*self.listed(), self.folder / "kept.tsv")
        own, peer = (lambda code=code: run(python("-c", code, *words)) for code in (FILTER, FILTER_BY_PANDAS))
        return compare(f"leakage filter, {self.large:,} against {len(self.heldout):,}", own, peer, self.rounds)

    def audit(self) -> dict[str, Any]:
        table, heldout = self.listed()
        words = {"utterances": table, "heldout": heldout, "output": self.folder / "without-leakage.tsv"}
        words |= {name: self.folder / f"{name}.tsv" for name in ("leaked", "near")}
        step = python("-m", "scripts.corpora.drop_leakage", *(x for k, v in words.items() for x in (f"--{k}", v)))
        row = {"work": "the same with the audit of near repeats: the whole step", "own": summary([run(step)])}
        found = {name: len(words[name].read_text(encoding="utf-8").splitlines()) - 1 for name in ("leaked", "near")}
        return row | {"found": found | {"planted": self.planted()}}

    def planted(self) -> dict[str, int]:
        """How many repeats of each kind the large corpus has."""
        return Counter(json.loads((self.real() / "planted.json").read_text()).values())

    def split(self) -> dict[str, Any]:
        kept = self.folder / "without-leakage.tsv"
        if not kept.exists():
            self.audit()
        step = python("-m", "scripts.corpora.split_validation", "--utterances", kept, "--fraction", 0.01)
        step += ["--outputs", self.folder / "train.tsv", self.folder / "valid.tsv"]
        return {"work": "split of what is kept", "own": summary([run(step) for _ in range(self.rounds)])}

    def packing(self) -> dict[str, Any]:
        seconds, count = 3.6, self.small // 5
        root = self.corpus("long", count, self.sentences, seconds=seconds)
        run(list_command(root, self.folder))
        table = self.folder / "long.tsv"
        write_listed(self.folder / "utterances.tsv", table)
        paths = sorted(map(str, root.glob("wav/*/*.wav")))
        names = self.folder / "names"
        names.write_text("\0".join(paths))
        step = python("-m", "scripts.corpora.concatenate", "--utterances", table, "--root", root)
        step += ["--source", self.folder / "utterances.tsv", "--utterances-per-file", 6, "--shard", 0, "--shards", 1]
        step += ["--audio", self.folder / "a.zip", "--manifest", self.folder / "a.tsv"]
        cat = ["sh", "-c", 'xargs -0 cat < "$1" > "$2"', "sh", names, self.folder / "all"]
        return compare(f"concatenation of {count:,} wavs, beside cat", lambda: run(step), lambda: run(cat), self.rounds)

    def shards(self) -> dict[str, Any]:
        table = self.folder / "listed.tsv"
        write_listed(self.listed()[0], table)
        own, peer = (lambda code=code: run(python("-c", code, table)) for code in (PART, WHOLE))
        return compare("what a shard of 64 reads of the list, beside all of it", own, peer, self.rounds)


def write_listed(table: Path, target: Path) -> None:
    """Utterance, path and samples, as scripts.corpora.split_validation writes them."""
    with table.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as file:
        file.writelines("{0}\t{3}\t{4}\n".format(*line.split("\t")) for line in lines)


def line(row: dict[str, Any]) -> str:
    words = [f"{row['work']:75s}"]
    for side in ("own", "peer"):
        if side in row:
            figures = (f"{key} {mid:.2f} ({least:.2f} to {most:.2f})" for key, (mid, least, most) in row[side].items())
            words.append(f"  {side}: {', '.join(figures)}")
    if "of_peer" in row:
        words.append("  own / peer: " + ", ".join(f"{key} {value:.2f}" for key, value in row["of_peer"].items()))
    if "found" in row:
        words.append(f"  {row['found']}")
    return "\n".join(words)


WORKS = {
    "listing": Bench.listing,
    "slow": Bench.slow,
    "million": Bench.million,
    "leakage": Bench.leakage,
    "audit": Bench.audit,
    "split": Bench.split,
    "packing": Bench.packing,
    "shards": Bench.shards,
}


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transcripts", type=Path, required=True, help="a folder of sentences")
    parser.add_argument("--folder", type=Path, help="where corpora are made, and kept; otherwise a temporary one")
    parser.add_argument("--json", type=Path, help="where to write what is measured")
    parser.add_argument("--small", type=int, default=100_000, help="short wavs")
    parser.add_argument("--large", type=int, default=REAL_SIZE, help="utterances of the corpus of the real size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WORKS, default=list(WORKS))
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, arguments.transcripts, arguments.small, arguments.large, arguments.rounds)
    rows = []
    try:
        for name in arguments.only:
            rows.append(WORKS[name](bench))
            print(line(rows[-1]), flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    finally:
        if not arguments.folder:
            shutil.rmtree(folder)


if __name__ == "__main__":
    exit_on_error(main)
