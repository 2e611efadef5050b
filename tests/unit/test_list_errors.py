"""What a branch has misheard, worked out by hand from the tables up."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from scripts.common.errors import StepError
from scripts.common.tables import UTTERANCE_COLUMNS, read_table, write_utterances
from scripts.evaluate.error_rates import Tally, Utterance
from scripts.evaluate.error_tables import CONFUSION_COLUMNS, FREQUENCIES, LENGTHS, RATE_COLUMNS, group_of
from scripts.evaluate.error_tables import UTTERANCE_COLUMNS as COLUMNS
from scripts.evaluate.list_errors import main

ROWS = [
    ("A", "S1", "test", "a.wav", 32_000, "今天天气好"),  # 5 characters in 2 s
    ("B", "S1", "test", "b.wav", 16_000, "四十"),
    ("C", "S2", "test", "c.wav", 16_000, "打开 wi fi"),
    ("D", "S2", "test", "d.wav", 16_000, "四是四"),
    ("E", "S3", "dev", "e.wav", 16_000, "四"),
]
# A: 天 is missing, 好 (hao3) heard as 毫 (hao2). B: both heard as 八. C: w and i are missing, k is too many. D: right.
# E: as was said, and 十 twice behind it.
HEARD = {"test": "D 四是四\nC 打 开 fi k\nB 八八\nA 今天气毫\n", "dev": "E 四十十\n"}
TRAINED = "T1 四四四四四四四四四四\nT2 今天 天气\n"  # 四 ten times, 今 and 气 once, 天 twice


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command has written its tables."""
    write_utterances(pd.DataFrame(ROWS, columns=UTTERANCE_COLUMNS), tmp_path / "utterances.tsv")
    for subset, text in HEARD.items():
        (tmp_path / f"{subset}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/train/text").write_text(TRAINED, encoding="utf-8")
    run(monkeypatch, tmp_path)
    return tmp_path / "errors"


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *further: str) -> None:
    words = "--utterances utterances.tsv --data data --hypotheses dev.txt test.txt "
    words += "--outputs errors/dev.tsv errors/test.tsv --rates errors/rates.tsv --confusions errors/confusions.tsv"
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["list_errors", *words.split(), *further])
    main()


def test_each_utterance_the_worst_first(tables: Path) -> None:
    """A and B have two errors each, so that they stand in the order of their names; C's insertion is the third."""
    table = read_table(tables / "test.tsv", COLUMNS)
    assert list(table["utterance"]) == ["C", "A", "B", "D"]
    assert list(table["steps"]) == ["CCDDCCI", "CDCCS", "SS", "CCC"]
    first, second = table.iloc[0], table.iloc[1]
    assert (first["reference"], first["hypothesis"], first["alignment"]) == ("打开wifi", "打开fik", "打开[wi→]fi[→k]")
    assert list(second[COLUMNS[:7]]) == ["A", "S1", "2.00", "5", "1", "1", "0"]
    assert second["alignment"] == "今[天→]天气[好→毫]"


def rates(tables: Path, by: str, subset: str = "test") -> dict[str, tuple[str, ...]]:
    """Utterances, characters, substitutions, deletions, insertions, CER by group."""
    table = read_table(tables / "rates.tsv", ["subset", *RATE_COLUMNS])
    rows = table[(table["by"] == by) & (table["subset"] == subset)]
    return {row[2]: row[3:] for row in rows.itertuples(index=False)}


def test_rates_by_groups(tables: Path) -> None:
    assert rates(tables, "all") == {"all": ("4", "16", "3", "3", "1", str(7 / 16))}
    assert rates(tables, "all", "dev") == {"all": ("1", "1", "0", "0", "2", "2.0")}
    assert rates(tables, "speaker") == {
        "S1": ("2", "7", "3", "1", "0", str(4 / 7)),
        "S2": ("2", "9", "0", "2", "1", str(3 / 9)),
    }
    assert rates(tables, "length") == {
        "1-5": ("3", "10", "3", "1", "0", "0.4"),
        "6-10": ("1", "6", "0", "2", "1", "0.5"),
    }
    assert list(rates(tables, "speed")) == ["2-3", "3-4", "6-7"]
    assert rates(tables, "speed")["2-3"] == ("2", "7", "3", "1", "0", str(4 / 7))


def test_rates_by_how_often_a_character_was_trained_on(tables: Path) -> None:
    """Never: 十 好 打 开 是 w i f i; once or twice: 今 天 天 气; ten times: 四 四 四."""
    assert rates(tables, "frequency") == {
        "0": ("", "9", "2", "2", "0", str(4 / 9)),
        "1-9": ("", "4", "0", "1", "0", "0.25"),
        "10-99": ("", "3", "1", "0", "0", str(1 / 3)),
    }


def test_rates_by_kind_add_up(tables: Path) -> None:
    """好 and 毫 differ in the tone, 四, 十 and 八 in all."""
    kinds = rates(tables, "kind")
    assert {kind: row[2:5] for kind, row in kinds.items() if row[2:5] != ("0", "0", "0")} == {
        **{"tone": ("1", "0", "0"), "syllable": ("2", "0", "0")},
        **{"deletion": ("0", "3", "0"), "insertion": ("0", "0", "1")},
    }
    assert list(kinds)[:5] == ["homophone", "tone", "initial", "final", "syllable"]
    assert sum(float(row[5]) for row in kinds.values()) == pytest.approx(7 / 16)


def test_errors_in_a_row(tables: Path) -> None:
    """Of the deletions one stands alone, two side by side; of dev two insertions."""
    assert rates(tables, "deletions_in_a_row") == {
        "1": ("", "16", "0", "1", "0", str(1 / 16)),
        "2": ("", "16", "0", "2", "0", str(2 / 16)),
    }
    assert rates(tables, "insertions_in_a_row", "dev") == {"2": ("", "1", "0", "0", "2", "2.0")}


def test_confusions(tables: Path) -> None:
    """四 is said three times, as are si4 and si; 十 once, but 是 is shi, too."""
    table = read_table(tables / "confusions.tsv", ["subset", *CONFUSION_COLUMNS])
    of_test = [tuple(row[1:]) for row in table[table["subset"] == "test"].itertuples(index=False)]
    assert of_test == [
        ("character", "", "k", "1", ""),
        ("character", "i", "", "1", "2"),
        ("character", "w", "", "1", "1"),
        ("character", "十", "八", "1", "1"),
        ("character", "四", "八", "1", "3"),
        ("character", "天", "", "1", "2"),
        ("character", "好", "毫", "1", "1"),
        ("pinyin", "hao3", "hao2", "1", "1"),
        ("pinyin", "shi2", "ba1", "1", "1"),
        ("pinyin", "si4", "ba1", "1", "3"),
        ("toneless", "shi", "ba", "1", "2"),
        ("toneless", "si", "ba", "1", "3"),
    ]


def test_a_language_without_pinyin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dev set has no character at all, the hypothesis of test is empty."""
    rows = [("A", "S1", "test", "a.wav", 16_000, "né"), ("B", "S1", "dev", "b.wav", 16_000, "")]
    write_utterances(pd.DataFrame(rows, columns=UTTERANCE_COLUMNS), tmp_path / "utterances.tsv")
    for name, text in (("test.txt", "A\n"), ("dev.txt", "B\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/train/text").write_text("T né né\n", encoding="utf-8")
    run(monkeypatch, tmp_path)
    table = read_table(tmp_path / "errors/confusions.tsv", ["subset", *CONFUSION_COLUMNS])
    assert set(table["unit"]) == {"character"}
    assert list(rates(tmp_path / "errors", "kind")) == ["substitution", "deletion", "insertion"]
    assert rates(tmp_path / "errors", "all", "dev") == {"all": ("1", "0", "0", "0", "0", "")}
    assert read_table(tmp_path / "errors/test.tsv", COLUMNS)["alignment"].item() == "[né→]"


def test_other_utterances_are_refused(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (tables / "test.tsv").read_bytes()
    (tables.parent / "test.txt").write_text("A 今\n", encoding="utf-8")
    with pytest.raises(StepError, match=r"test\.txt lacks utterance B"):
        run(monkeypatch, tables.parent)
    assert (tables / "test.tsv").read_bytes() == before
    assert {path.name for path in tables.iterdir()} == {"dev.tsv", "test.tsv", "rates.tsv", "confusions.tsv"}


def test_an_utterance_that_is_not_in_the_subset_is_refused(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tables.parent / "dev.txt").write_text("A 今\nE 四\n", encoding="utf-8")
    with pytest.raises(StepError, match=r"dev\.txt has utterance A, which is not in dev"):
        run(monkeypatch, tables.parent)


@pytest.mark.parametrize(("speakers", "groups"), [(1_000, 1_000), (1_001, 0)])
def test_where_each_utterance_counts_as_a_speaker_they_are_not_listed(speakers: int, groups: int) -> None:
    tally = Tally()
    for number in range(speakers):
        tally.add(Utterance(f"S{number}", 16_000, "四", "四", "C"))
    rows = list(tally.rates({}))
    assert sum(by == "speaker" for by, *_ in rows) == groups
    assert rows[0] == ["all", "all", *[str(speakers)] * 2, "0", "0", "0", "0.0"]


@pytest.mark.parametrize(
    ("number", "begins", "group"),
    [
        (0, LENGTHS, "0"),
        (5, LENGTHS, "1-5"),
        (6, LENGTHS, "6-10"),
        (100, LENGTHS, "51-100"),
        (101, LENGTHS, "101+"),
        (9, FREQUENCIES, "1-9"),
        (10, FREQUENCIES, "10-99"),
        (5_000, FREQUENCIES, "1000+"),
    ],
)
def test_groups_of_numbers(number: int, begins: list[int], group: str) -> None:
    assert group_of(number, begins) == group


def test_words_and_characters_of_mixed_text(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C said 打开wi fi: of four tokens wi is missing, and k behind fi too many, each a token."""
    run(monkeypatch, tmp_path, "--metric", "mer")
    row = read_table(tables / "test.tsv", COLUMNS).set_index("utterance").loc["C"]
    assert (row["characters"], row["reference"], row["hypothesis"]) == ("4", "打 开 wi fi", "打 开 fi k")
    assert (row["steps"], row["alignment"]) == ("CCDCI", "打 开 [wi→] fi [→k]")
    confusions = read_table(tables / "confusions.tsv", ["subset", *CONFUSION_COLUMNS])
    assert {"wi", "k"} < set(confusions["reference"]) | set(confusions["hypothesis"])
    assert set(confusions["unit"]) == {"token", "pinyin", "toneless"}
    assert rates(tables, "all")["all"][:2] == ("4", "14") and rates(tables, "frequency")["0"][0] == ""
