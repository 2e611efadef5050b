"""Scoring a subset: what is counted, and what is refused."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from scripts.common import files
from scripts.common.errors import StepError
from scripts.common.tables import UTTERANCE_COLUMNS, write_utterances
from scripts.evaluate.score_cer import main

ROWS = [
    ("A", "speaker1", "dev", "a.wav", 16_000, "今天天气好"),
    ("B", "speaker1", "dev", "b.wav", 16_000, "上海"),
    ("C", "speaker2", "dev", "c.wav", 16_000, "打开 wi fi"),
    ("D", "speaker3", "test", "d.wav", 16_000, "北京"),
    ("E", "speaker3", "train", "e.wav", 16_000, "北京"),
]


@pytest.fixture
def utterances(tmp_path: Path) -> Path:
    path = tmp_path / "utterances.tsv"
    write_utterances(pd.DataFrame(ROWS, columns=UTTERANCE_COLUMNS), path)
    return path


def score(monkeypatch: pytest.MonkeyPatch, utterances: Path, subset: str, hypotheses: str) -> dict[str, float]:
    """Run the command line on the text of a hypotheses file and return its JSON."""
    text, output = utterances.parent / "text", utterances.parent / "scores" / "seed-1.json"
    text.write_text(hypotheses, encoding="utf-8", newline="")
    arguments = ["--utterances", utterances, "--subset", subset, "--hypotheses", text, "--output", output]
    monkeypatch.setattr(sys, "argv", ["score_cer", *map(str, arguments)])
    main()
    return json.loads(output.read_text(encoding="utf-8"))


def test_counts_of_a_subset(monkeypatch: pytest.MonkeyPatch, utterances: Path) -> None:
    # A: 天 deleted, 好 heard as 妙. B: nothing recognised. C: spaces do not count, k inserted. In any order.
    report = score(monkeypatch, utterances, "dev", "C 打开 wifi k\nB\nA 今天气妙\n")
    made_from = report.pop("made_from")
    assert made_from["transcript"] == files.sha256(utterances.parent / "text")
    assert len(made_from["said"]) == 12
    assert report.pop("environment")["name"] == "results"
    assert {key: report[key] for key in list(report)[:6]} == {
        "substitutions": 1,
        "deletions": 3,
        "insertions": 1,
        "characters": 13,
        "utterances": 3,
        "cer": pytest.approx(5 / 13),
    }


def test_only_the_subset_is_scored_and_cer_may_exceed_one(monkeypatch: pytest.MonkeyPatch, utterances: Path) -> None:
    report = score(monkeypatch, utterances, "test", "D 北京北京北\n")
    assert (report["insertions"], report["characters"], report["cer"]) == (3, 2, 1.5)


@pytest.mark.parametrize("text", ["D \n", "D\r\n", "D"])
def test_an_empty_transcript_is_all_deletions(monkeypatch: pytest.MonkeyPatch, utterances: Path, text: str) -> None:
    assert score(monkeypatch, utterances, "test", text)["deletions"] == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "lacks utterance D"),
        ("D 北京\nE 北京\n", "has utterance E"),
        ("D 北京\nD 北京\n", "utterance D twice"),
        ("D 北京\n\n", "line 2"),
        (" 北京\n", "line 1"),
    ],
)
def test_refused_hypotheses(monkeypatch: pytest.MonkeyPatch, utterances: Path, text: str, named: str) -> None:
    with pytest.raises(StepError, match=named) as caught:
        score(monkeypatch, utterances, "test", text)
    assert str(utterances.parent / "text") in str(caught.value)
    assert not (utterances.parent / "scores").exists()


def test_a_subset_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch, utterances: Path) -> None:
    with pytest.raises(StepError, match="its subsets: dev, test, train"):
        score(monkeypatch, utterances, "tset", "D 北京\n")
