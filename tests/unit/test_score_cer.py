"""Scoring a subset: what is counted, and what is refused."""

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from scripts.common import files
from scripts.common.errors import StepError
from scripts.common.tables import UTTERANCE_COLUMNS, write_utterances
from scripts.common.text import characters, normalise
from scripts.common.text import words as text_words
from scripts.evaluate.metrics import METRICS
from scripts.evaluate.score_cer import main
from scripts.evaluate.score_cer import score as count_score

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


def test_words_are_counted_where_the_model_knows_a_word_boundary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A: `the` deleted, cat heard as cut. B: one word for two costs a substitution and a deletion. C: as it was said,
    however many spaces stand between. Characters: t h e deleted, a heard as u; spaces do not count.
    """
    said = {"A": "the cat sat", "B": "né le", "C": "a b"}
    rows = [(name, "speaker1", "dev", f"{name}.wav", 16_000, text) for name, text in said.items()]
    path = tmp_path / "utterances.tsv"
    write_utterances(pd.DataFrame(rows, columns=UTTERANCE_COLUMNS), path)
    text = "A cut sat\nB néle\nC  a  b\n"
    assert "wer" not in score(monkeypatch, path, "dev", text)
    files.write_json(tmp_path / "text.json", {"word_boundary": False, "made_from": {}})
    assert "wer" not in score(monkeypatch, path, "dev", text)
    files.write_json(tmp_path / "text.json", {"word_boundary": True, "made_from": {}})
    report = score(monkeypatch, path, "dev", text)
    assert report["made_from"]["word_boundary"] is True
    assert {key: report[key] for key in ("substitutions", "deletions", "insertions", "characters", "cer")} == {
        **{"substitutions": 1, "deletions": 3, "insertions": 0, "characters": 15, "cer": pytest.approx(4 / 15)},
    }
    assert {key: value for key, value in report.items() if key.startswith("w")} == {
        **{"word_substitutions": 2, "word_deletions": 2, "word_insertions": 0, "words": 7, "wer": pytest.approx(4 / 7)},
    }


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_characters_and_words_are_those_of_sclite(tmp_path: Path) -> None:
    """-c takes words apart into characters and counts no spaces; without it words are counted."""
    chance = random.Random(1)

    def sentence() -> str:
        return " ".join("".join(chance.choices("abé", k=chance.randint(1, 3))) for _ in range(chance.randint(1, 8)))

    said = {f"u{number:04d}": sentence() for number in range(300)}
    heard = {name: sentence() if chance.random() < 0.3 else text.replace("a b", "ab") for name, text in said.items()}
    for name, texts in (("ref", said), ("hyp", heard)):
        (tmp_path / name).write_text("".join(f"{text}\t(s-{u})\n" for u, text in texts.items()), encoding="utf-8")
    for units, words in ((characters, ["-c"]), (text_words, [])):
        command = ["sctk", "sclite", "-s", "-e", "utf-8", *words, "-r", "ref", "trn", "-h", "hyp", "trn", "-i", "rm"]
        printed = subprocess.run([*command, "-o", "pra", "stdout"], cwd=tmp_path, capture_output=True, text=True).stdout
        found = re.findall(r"^Scores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)$", printed, re.MULTILINE)
        correct, *errors = (sum(map(int, column)) for column in zip(*found, strict=True))
        counts = count_score(said, heard, units)
        assert len(found) == 300 and counts.errors > 50
        assert [counts.substitutions, counts.deletions, counts.insertions] == errors
        assert counts.length == correct + errors[0] + errors[1]


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


def scored_by(monkeypatch: pytest.MonkeyPatch, path: Path, text: str, metric: str) -> dict:
    (path.parent / "text").write_text(text, encoding="utf-8")
    words = ["--utterances", path, "--subset", "dev", "--hypotheses", path.parent / "text", "--metric", metric]
    monkeypatch.setattr(sys, "argv", ["score_cer", *map(str, words), "--output", str(path.parent / "score.json")])
    main()
    return files.read_json(path.parent / "score.json")


def test_what_the_table_shows_is_counted_beside_characters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """打 开 wi fi 吧: wi heard as we, 吧 missing. As words 打开wi and fi吧 both are wrong."""
    rows = [("A", "speaker1", "dev", "A.wav", 16_000, "打开wi fi吧")]
    write_utterances(pd.DataFrame(rows, columns=UTTERANCE_COLUMNS), tmp_path / "utterances.tsv")
    plain, words, mixed = (
        scored_by(monkeypatch, tmp_path / "utterances.tsv", "A 打开we fi\n", metric) for metric in ("cer", "wer", "mer")
    )
    assert "metric" not in plain and "metric" not in plain["made_from"] and "wer" not in plain
    assert (words["metric"], words["made_from"]["metric"]) == ("wer", "wer") and "mer" not in words
    assert (words["word_substitutions"], words["words"], words["wer"]) == (2, 2, 1)
    counts = {key: value for key, value in mixed.items() if key.startswith("token") or key == "mer"}
    assert counts == {
        **{"token_substitutions": 1, "token_deletions": 1, "token_insertions": 0, "tokens": 5, "mer": 0.4},
    }
    assert {one["cer"] for one in (plain, words, mixed)} == {2 / 7}


@pytest.mark.parametrize("metric", ["wer", "mer"])
def test_rates_are_those_of_jiwer_where_errors_are_few(metric: str) -> None:
    """It counts the fewest errors, sclite those of the cheapest alignment: they part where hardly anything matches."""
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed: pip install jiwer==4.0.0")
    chance = random.Random(7)
    known = [f"w{number}" for number in range(300)]
    known += [chr(0x4E00 + number) for number in range(300)] * (metric == "mer")
    said, heard = {}, {}
    for number in range(500):
        tokens = chance.choices(known, k=chance.randint(3, 25))
        wrong = [chance.choice(known) if chance.random() < 0.1 else token for token in tokens]
        del wrong[: chance.random() < 0.3]
        said[f"u{number}"], heard[f"u{number}"] = (normalise(" ".join(side)) for side in (tokens, wrong))
    units = METRICS[metric].tokens
    ours = count_score(said, heard, units)
    theirs = jiwer.process_words(*([" ".join(units(text)) for text in side.values()] for side in (said, heard)))
    assert ours.errors > 300
    assert (ours.substitutions, ours.deletions, ours.insertions) == (
        *(theirs.substitutions, theirs.deletions, theirs.insertions),
    )
