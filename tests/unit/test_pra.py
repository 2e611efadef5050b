"""sclite's own form of what we have listed: it counts what we count, whatever marks a transcript has."""

import re
import shutil
from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.common.tables import read_table
from scripts.evaluate.error_rates import Utterance
from scripts.evaluate.error_tables import UTTERANCE_COLUMNS
from scripts.evaluate.list_errors import list_subset
from scripts.evaluate.operations import align
from scripts.evaluate.pra import pra

SAID = {
    "W1": ("S-01", "今天天气好", "今天气毫"),
    "W2": ("S_02", "a@b{c/d};(e)", "a@b{x/d};(*"),
    "W3": ("S_02", "好", ""),
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = []
    for name, (speaker, *texts) in SAID.items():
        rows.append((name, Utterance(speaker, 16_000, *texts, align(*texts))))
    list_subset(rows, tmp_path / "test.tsv")
    return tmp_path / "test.tsv"


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_sclite_counts_the_same(table: Path) -> None:
    printed = pra(table).decode()
    found = re.findall(r"^id: \((.*)\)\nScores: \(#C #S #D #I\) \d+ (\d+) (\d+) (\d+)$", printed, re.MULTILINE)
    ours = read_table(table, UTTERANCE_COLUMNS)
    ids = ours["speaker"].str.replace(r"[-_]", ".", regex=True) + "-" + ours["utterance"]
    assert sorted(found) == sorted(zip(ids, ours["substitutions"], ours["deletions"], ours["insertions"], strict=True))
    assert re.findall(r"^    \d+:  (\S+)$", printed, re.MULTILINE) == ["S.02", "S.01"]
    assert "REF:  今 天 天 气 好 \nHYP:  今 *** 天 气 毫 \n" in printed


def test_without_sclite(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StepError, match="apt install sctk"):
        pra(table)


def test_what_sclite_says_as_it_fails(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sclite").write_text("#!/bin/sh\necho no alignment >&2\nexit 3\n")
    (tmp_path / "sclite").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError, match=r"exit code 3 on .*test\.tsv and said: no alignment"):
        pra(table)


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_words_stay_words(tmp_path: Path) -> None:
    said, heard = ["the", "cat", "sat"], ["a", "cat"]
    list_subset([("W1", Utterance("S", 16_000, said, heard, align(said, heard)))], tmp_path / "test.tsv", " ")
    assert "Scores: (#C #S #D #I) 1 1 1 0" in pra(tmp_path / "test.tsv").decode()
