"""The page that opens with the answer: what it says follows from the numbers, and no corpus can write HTML into it."""

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from scripts.cluster.status import report
from scripts.common import tables
from scripts.results.report import facts, listening
from scripts.results.report.tables import Table, tables_of
from scripts.results.write_report import Figure, render, unbroken, with_code
from tests.unit.test_status import EPOCH, NOON, TRAIN_INNER, at, own, write

CER_MD = """\
| AISHELL-1 | dev | test |
| --- | ---: | ---: |
| @0 updates | 85.3 | 88.0 |
| @50k updates* | 5.0 | 5.4 |
| published: 50k | 5.1 | 5.5 |

- Character error rate in percent.
- `*`: the best.

| Other | dev | test |
| --- | ---: | ---: |
| English | 1.0 | 2.0 |

- One seed.

Experiment `abc`, commit `def`.
"""


def test_tables_are_those_of_the_file() -> None:
    first = Table(
        ["AISHELL-1", "dev", "test"],
        [["@0 updates", "85.3", "88.0"], ["@50k updates*", "5.0", "5.4"], ["published: 50k", "5.1", "5.5"]],
        ["Character error rate in percent.", "`*`: the best."],
    )
    other = Table(["Other", "dev", "test"], [["English", "1.0", "2.0"]], ["One seed."])
    assert tables_of(CER_MD) == ([first, other], "Experiment `abc`, commit `def`.")


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("今天好", "今天好", [("今天好", False)]),
        ("今天好", "明天好", [("明", True), ("天好", False)]),
        ("今天好", "今好", [("今", False), ("‸", True), ("好", False)]),
        ("今天", "今天啊", [("今天", False), ("啊", True)]),
        ("今", "", [("‸", True)]),
        ("abxcd", "xabycd", [("x", True), ("ab", False), ("y", True), ("cd", False)]),
        ("今天好", "好天今", [("好", True), ("天", False), ("今", True)]),
        ("on a day", "on the day", [("on ", False), ("the ", True), ("day", False)]),
        ("", "", []),
    ],
)
def test_differences_are_marked(reference: str, hypothesis: str, expected: listening.Marked) -> None:
    assert listening.marked(reference, hypothesis) == expected


def test_utterances_are_the_same_ones_in_whatever_order_they_stand() -> None:
    names = [f"U{number}" for number in range(100)]
    assert listening.chosen(names) == listening.chosen(names[::-1]) and len(listening.chosen(names)) == 4
    assert listening.chosen(["B", "A"]) == ["A", "B"]


def test_audio_is_the_corpus_own(tmp_path: Path) -> None:
    samples = np.arange(-300, 300, dtype="<i2")
    address = listening.as_flac(samples.tobytes())
    (tmp_path / "a.flac").write_bytes(base64.b64decode(address.partition(",")[2]))
    heard, rate = soundfile.read(tmp_path / "a.flac", dtype="int16")
    assert address.startswith("data:audio/flac;base64,") and rate == 16_000 and np.array_equal(heard, samples)


def test_corpora_in_numbers(tmp_path: Path) -> None:
    rows = [("A", "S", "train", "a.wav", 57_600_000, "好"), ("B", "S", "train", "b.wav", 57_600_000, "好")]
    rows += [("C", "S", "dev", "c.wav", 28_800_000, "好")]
    tables.write_utterances(pd.DataFrame(rows, columns=tables.UTTERANCE_COLUMNS), tmp_path / "utterances.tsv")
    reasons = ["missing"] * 3 + ["the same audio as A", "the same audio as B", "a", "b", "c", "d"]
    rejected = pd.DataFrame([(str(n), "", reason) for n, reason in enumerate(reasons)], columns=tables.REJECTED_COLUMNS)
    tables.write_table(rejected, tmp_path / "rejected.tsv", tables.REJECTED_COLUMNS)
    tables.write_table(
        pd.DataFrame([("D", "好", "E", "dev")], columns=tables.LEAKED_COLUMNS),
        tmp_path / "leaked.tsv",
        tables.LEAKED_COLUMNS,
    )
    found = facts.corpus("aishell2", tmp_path)
    assert found.subsets == [("dev", 1, 0.5), ("train", 2, 2.0)] or found.subsets == [
        ("train", 2, 2.0),
        ("dev", 1, 0.5),
    ]
    assert found.left_out[:2] == [("rejected: missing", 3), ("rejected: the same audio as another", 2)]
    assert found.left_out[5:] == [
        ("rejected for other reasons (rejected.tsv)", 1),
        ("kept from pre-training: dev or test says the same", 1),
    ]


def test_stages_add_up(tmp_path: Path) -> None:
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    for name, lines in {
        "pretrain/m/a": "3600\t1:00\t2048\t1\n",
        "pretrain/m/b": "1800\t0:30\t1024\t1\n",
        "plot/x": "-\t-\t-\t-\n",
    }.items():
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + lines)
    assert sorted(facts.stages(tmp_path, {"pretrain": 12.0})) == [
        facts.Stage("plot", 1, 0.0, 0.0, None),
        facts.Stage("pretrain", 2, 1.5, 2.0, 12.0),
    ]
    assert facts.stages(tmp_path / "none", {}) == []


def test_processors_are_said_in_words() -> None:
    known = {"processors": [{"name": "Xeon", "vendor": "Intel", "level": "x86-64-v4"}]}
    assert facts.processors(known) == ["Xeon, Intel, x86-64-v4"] and facts.processors({}) == []


def test_what_stands_in_a_corpus_is_no_html() -> None:
    evil = "<script>alert(1)</script>"
    heard = listening.Heard(evil, [(evil, True)])
    page = render(
        {
            "answers": [evil],
            "tables": [Table([evil, "dev"], [[evil, "1"]], [evil])],
            "certainty": [Table([evil, "dev"], [[evil, "1"]], [evil])],
            "origin": evil,
            "curve": Figure("data:,", evil),
            "trainings": [(evil, [evil], Figure("data:,", evil, evil))],
            "misheard": [evil],
            "figures": [Figure("data:,", evil, evil)],
            "listening": {evil: [listening.Utterance(evil, 1.0, evil, [heard], "")]},
            "corpora": [facts.Corpus(evil, [(evil, 1, 1.0)], [(evil, 1)])],
            "stages": [facts.Stage(evil, 1, 1.0, 1.0)],
            "provenance": [(evil, evil)],
            "processors": [evil],
        }
    )
    assert "<script" not in page and page.count("&lt;script&gt;") > 10


def test_code_of_markdown_is_code_and_nothing_else_is_html() -> None:
    assert with_code("`*`: <b> & `a<b`") == "<code>*</code>: &lt;b&gt; &amp; <code>a&lt;b</code>"


def test_gpu_hours_are_those_of_make_status(tmp_path: Path, slurm) -> None:
    """Over all starts, also of trainers that were killed: until their last sign of life."""
    run = tmp_path / "results/pretrain/mandarin/work"
    own(run / "after-10-updates.owners", 1, 0, gpus=8, released=7200)  # 16 GPU hours
    own(run / "after-20-updates.owners", 1, 7200, gpus=8)  # killed
    own(run / "after-20-updates.owners", 2, 36_000, gpus=4, released=37_800)  # 2
    lines = [TRAIN_INNER.format(at(9000), 15), TRAIN_INNER.format(at(10_800), 18)]  # an hour after its start: 8
    write(run / "after-20-updates-0123456789ab/train.log", *lines, modified=37_800)
    write(run / "after-10-updates-0123456789ab/train.log", TRAIN_INNER.format(at(14_400), 10), modified=14_400)
    for seed in (1, 2):
        work = tmp_path / f"results/finetune/aishell1/from/mandarin/after-10-updates/lr-0.1/seed-{seed}/work"
        own(work / "epochs.owners", 1, 0, gpus=1)  # killed, too
        write(work / "48d6613c3159/train.log", EPOCH.format(1, "0.4"), modified=5400)  # 1.5 each
    found = facts.gpu_hours(tmp_path)
    assert found == {"pretrain": pytest.approx(26.0), "finetune": pytest.approx(3.0)}
    assert "Training in all: 29.0 GPU hours in 5 starts" in report(tmp_path, None, NOON)
    assert facts.gpu_hours(tmp_path / "none") == {}


def test_numbers_stay_with_what_belongs_to_them() -> None:
    kept = ["22.8 %", "(13.7 to 37.9)", "at", "@800 updates:", "3.1 ± 0.2 %", "(−2.6 points,", "−8 to +3,", "p 0.02)"]
    sentence = " ".join([*kept, "as p of 2 to a"])
    pieces = [piece.replace("\N{NO-BREAK SPACE}", " ") for piece in unbroken(sentence).split(" ")]
    assert pieces == [*kept, "as", "p", "of", "2", "to", "a"]
