"""What is held out for the test must not be heard in pre-training."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common import files
from scripts.common.tables import (
    LEAKED_COLUMNS,
    NEAR_COLUMNS,
    UTTERANCE_COLUMNS,
    read_table,
    read_utterances,
    write_utterances,
)
from scripts.common.text import leakage_key
from scripts.corpora.census import HELDOUT_COLUMNS
from scripts.corpora.drop_leakage import drop_leakage, said_first


def utterances(*transcripts: str) -> pd.DataFrame:
    """Utterances U0, U1, ... with these transcripts."""
    rows = [(f"U{i}", "S", "train", f"{i}.wav", 1, transcript) for i, transcript in enumerate(transcripts)]
    return pd.DataFrame(rows, columns=UTTERANCE_COLUMNS)


def heldout(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return said_first(pd.DataFrame(rows, columns=HELDOUT_COLUMNS))


def test_by_hand() -> None:
    given_utterances = utterances("今天天气好", "今天天气", "打开WiFi!", "今天天气好吗", "今天,天气好。")
    development = [("D1", "dev", "今天天气好")]
    test = [("T1", "test", "今天天气好"), ("T2", "test", "打开wifi"), ("T3", "test", "再见")]
    kept, leaked = drop_leakage(given_utterances, heldout(*development, *test))
    assert list(kept["utterance"]) == ["U1", "U3"]
    assert list(kept.columns) == UTTERANCE_COLUMNS
    assert list(leaked[LEAKED_COLUMNS].itertuples(index=False, name=None)) == [
        ("U0", "今天天气好", "D1", "dev"),  # the first of those that say it
        ("U2", "打开WiFi!", "T2", "test"),
        ("U4", "今天,天气好。", "D1", "dev"),
    ]


TRANSCRIPTS = st.lists(st.text("今天a,A ", max_size=3), max_size=12)


@given(TRANSCRIPTS, TRANSCRIPTS)
def test_against_a_plain_loop(spoken: list[str], held: list[str]) -> None:
    kept, leaked = drop_leakage(utterances(*spoken), heldout(*((f"H{i}", "dev", t) for i, t in enumerate(held))))
    expected_kept, expected_leaked = [], []
    for i, transcript in enumerate(spoken):
        sources = [f"H{j}" for j, other in enumerate(held) if leakage_key(other) == leakage_key(transcript)]
        if sources:
            expected_leaked.append((f"U{i}", sources[0]))
        else:
            expected_kept.append(f"U{i}")
    assert list(kept["utterance"]) == expected_kept
    assert list(zip(leaked["utterance"], leaked["heldout_utterance"], strict=True)) == expected_leaked


def test_command_line(tmp_path: Path, step) -> None:
    write_utterances(utterances('他说"好"', "再见"), tmp_path / "utterances.tsv")
    for name, row in (("one", ("D1", "dev", "再 见")), ("two", ("T1", "test", "再见"))):
        lines = "\t".join(HELDOUT_COLUMNS) + "\n" + "\t".join(row) + "\n"
        files.write_text(tmp_path / name / "heldout.tsv", lines)
    names = {"utterances": "utterances.tsv", "output": "kept.tsv", "leaked": "leaked.tsv", "near": "near-leaks.tsv"}
    words = [word for option, name in names.items() for word in (f"--{option}", tmp_path / name)]
    others = [tmp_path / name / "heldout.tsv" for name in ("one", "two")]
    result = step("corpora.drop_leakage", *words, "--heldout", *others)
    assert (result.returncode, result.stderr) == (0, "")
    assert list(read_utterances(tmp_path / "kept.tsv")["transcript"]) == ['他说"好"']
    assert read_table(tmp_path / "leaked.tsv", LEAKED_COLUMNS).to_numpy().tolist() == [["U1", "再见", "D1", "dev"]]

    heldout = {path.parent.name: files.sha256(path) for path in others}
    made_from = files.read_json(tmp_path / "kept.json")["made_from"]
    assert (made_from["without_transcripts_of"], made_from["near_leaks"]) == (heldout, "report")

    result = step("corpora.drop_leakage", *words, "--heldout")  # nothing to keep clear of
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "kept.tsv").read_bytes() == (tmp_path / "utterances.tsv").read_bytes()
    assert (tmp_path / "leaked.tsv").read_text() == "\t".join(LEAKED_COLUMNS) + "\n"
    assert (tmp_path / "near-leaks.tsv").read_text() == "\t".join(NEAR_COLUMNS) + "\n"


NEAR = [
    ("U1", "今天,天气很坏", "D1", "dev", "今天天气很好", "another character", "6", "3"),
    ("U3", "我想今天天气很好", "D1", "dev", "今天天气很好", "contains it", "6", "3"),
    ("U4", "今天天\u200d气好", "D1", "dev", "今天天气很好", "one character less", "6", "3"),
    ("U2", "增长15%", "T1", "test", "增长百分之十五", "digits for numerals", "7", "1"),
]


@pytest.mark.parametrize("does", ["report", "drop"])
def test_near_repeats_are_listed_and_left_out_where_the_config_says_so(tmp_path: Path, step, does: str) -> None:
    said = ["今天天气\ufe00很好", "今天,天气很坏", "增长15%", "我想今天天气很好", "今天天\u200d气好", "再见"]
    write_utterances(utterances(*said), tmp_path / "utterances.tsv")
    held = "D1\tdev\t今天天气很好\nT1\ttest\t增长百分之十五\n"
    files.write_text(tmp_path / "one/heldout.tsv", "\t".join(HELDOUT_COLUMNS) + "\n" + held)
    names = {"utterances": "utterances.tsv", "output": "kept.tsv", "leaked": "leaked.tsv", "near": "near-leaks.tsv"}
    words = [word for option, name in names.items() for word in (f"--{option}", tmp_path / name)]
    result = step("corpora.drop_leakage", *words, "--heldout", tmp_path / "one/heldout.tsv", "--near-leaks", does)
    assert (result.returncode, result.stderr) == (0, "")
    near = read_table(tmp_path / "near-leaks.tsv", NEAR_COLUMNS).itertuples(index=False, name=None)
    assert list(near) == [NEAR[3], *NEAR[:3]]  # the longest first
    assert list(read_table(tmp_path / "leaked.tsv", LEAKED_COLUMNS)["utterance"]) == ["U0"]
    kept = ["U5"] if does == "drop" else ["U1", "U2", "U3", "U4", "U5"]
    assert list(read_utterances(tmp_path / "kept.tsv")["utterance"]) == kept
    assert files.read_json(tmp_path / "kept.json")["made_from"]["near_leaks"] == does
    differences = "1 x another character, 1 x one character less, 1 x digits for numerals, 1 x contains it"
    what = "left out, too" if does == "drop" else "which stay (near_leaks: report)"
    assert result.stdout.splitlines()[1:] == [
        f"4 utterances are nearly one of dev or test, {what}: {differences}: {tmp_path / 'near-leaks.tsv'}",
        "most often: 今天天气很好 3 x, 增长百分之十五 1 x",
    ]
