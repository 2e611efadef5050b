"""Tables keep every character of a transcript."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.errors import StepError
from scripts.common.tables import (
    UTTERANCE_COLUMNS,
    read_table,
    read_utterances,
    write_table,
    write_utterances,
)
from scripts.common.text import normalise

HEADER = "utterance\tspeaker\tsubset\tpath\tsamples\ttranscript\n"


def utterance(name: str, transcript: str, samples: int = 16_000) -> tuple:
    return (name, "S0001", "train", f"wav/S0001/{name}.wav", samples, transcript)


def test_bytes_of_a_table(tmp_path: Path) -> None:
    rows = [utterance("B", '他说"好"'), utterance("A", "it's #1, \\n"), utterance("C", '"'), utterance("D", "NA")]
    path = tmp_path / "folder" / "utterances.tsv"
    write_utterances(pd.DataFrame(rows, columns=UTTERANCE_COLUMNS), path)
    assert path.read_bytes().decode() == (
        HEADER
        + "A\tS0001\ttrain\twav/S0001/A.wav\t16000\tit's #1, \\n\n"
        + 'B\tS0001\ttrain\twav/S0001/B.wav\t16000\t他说"好"\n'
        + 'C\tS0001\ttrain\twav/S0001/C.wav\t16000\t"\n'
        + "D\tS0001\ttrain\twav/S0001/D.wav\t16000\tNA\n"
    )
    table = read_utterances(path)
    assert list(table.itertuples(index=False, name=None)) == sorted(rows)
    assert table["samples"].dtype == "int64"


@given(
    st.dictionaries(
        st.text("ABab01_-", min_size=1),
        st.tuples(st.text().map(normalise), st.integers(0, 2**62)),
        max_size=20,
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: dict[str, tuple[str, int]]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.tsv"
    expected = [utterance(name, transcript, samples) for name, (transcript, samples) in sorted(rows.items())]
    write_utterances(pd.DataFrame(expected, columns=UTTERANCE_COLUMNS), path)
    assert list(read_utterances(path).itertuples(index=False, name=None)) == expected


def test_the_order_of_rows_and_columns_given_does_not_matter(tmp_path: Path) -> None:
    table = pd.DataFrame([utterance("A", "今"), utterance("B", "天")], columns=UTTERANCE_COLUMNS)
    write_utterances(table, tmp_path / "one.tsv")
    write_utterances(table.iloc[::-1, ::-1], tmp_path / "other.tsv")
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "other.tsv").read_bytes()


def test_an_empty_table_keeps_its_header(tmp_path: Path) -> None:
    write_table(pd.DataFrame(columns=["b", "a"]), tmp_path / "a.tsv", ["a", "b"])
    assert (tmp_path / "a.tsv").read_text() == "a\tb\n"
    assert read_table(tmp_path / "a.tsv", ["a", "b"]).empty


ROW = "A\tS\ttrain\ta.wav\t5\t今\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("utterance\tpath\nA\ta.wav\n", "has the columns ['utterance', 'path'], expected ['utterance', 'speaker'"),
        (HEADER.replace("\t", ","), "has the columns ['utterance,speaker"),
        ("", "No columns to parse"),
        (HEADER + "A\tS\ttrain\ta.wav\tfive\t今\n", "five"),
        (HEADER + ROW + "B\tS\ttrain\n", "invalid literal for int() with base 10: ''"),
        (HEADER + ROW.replace("\n", "\tmore\n"), "its rows have more columns than its header"),
        (HEADER + ROW + ROW.replace("\n", "\tmore\n"), "Expected 6 fields in line 3, saw 7"),
        ((HEADER + ROW).encode("gb18030"), "utf-8"),
        (None, "No such file"),
    ],
)
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: str | bytes | None, complaint: str) -> None:
    path = tmp_path / "utterances.tsv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StepError) as caught:
        read_utterances(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(": remake it")
    assert complaint in message and "\n" not in message
