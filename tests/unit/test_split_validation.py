"""Which utterances are held out for validation follows from their ids alone."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common import files
from scripts.common.tables import LISTED_COLUMNS, UTTERANCE_COLUMNS, read_table, write_utterances
from scripts.corpora.split_validation import is_validation

IDS = [f"IC{speaker:04d}W{number:04d}" for speaker in range(1, 41) for number in range(1, 501)]


def sides(ids: list[str], fraction: float) -> dict[str, bool]:
    return {name: is_validation(name, fraction) for name in ids}


def test_known_values() -> None:
    """SHA-256 of "abc" begins with ba7816bf 8f01cfea (FIPS 180-2, B.1): 0xba7816bf / 2**32 = 0.728395..."""
    assert not is_validation("abc", 0.7283)
    assert is_validation("abc", 0.7284)


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()), st.floats(0.001, 0.999))
def test_against_hexadecimal_digits(name: str, fraction: float) -> None:
    number = int(hashlib.sha256(name.encode()).hexdigest(), 16) / 2**256
    if abs(number - fraction) > 1e-15:
        assert is_validation(name, fraction) == (number < fraction)


@given(st.sets(st.sampled_from(IDS), min_size=1, max_size=30), st.sets(st.sampled_from(IDS), max_size=30))
def test_utterances_keep_their_side_when_a_corpus_grows_or_shrinks(before: set[str], added: set[str]) -> None:
    small, large = sides(sorted(before), 0.3), sides(sorted(before | added, reverse=True), 0.3)
    assert small == {name: large[name] for name in small}


@given(st.sampled_from(IDS), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_fraction_takes_the_same_and_more(name: str, one: float, other: float) -> None:
    assert is_validation(name, min(one, other)) <= is_validation(name, max(one, other))


@pytest.mark.parametrize("fraction", [0.01, 0.04, 0.5])
def test_the_fraction_is_about_right(fraction: float) -> None:
    held_out = sum(sides(IDS, fraction).values())
    deviation = (len(IDS) * fraction * (1 - fraction)) ** 0.5  # of a binomial distribution
    assert abs(held_out - len(IDS) * fraction) < 4 * deviation


def table(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame([(name, "S", "train", f"{name}.wav", 1, "好") for name in ids], columns=UTTERANCE_COLUMNS)


def test_command_line(tmp_path: Path, step) -> None:
    write_utterances(table(IDS[:2_000]), tmp_path / "all.tsv")
    words = ["--utterances", tmp_path / "all.tsv", "--outputs", tmp_path / "train.tsv", tmp_path / "valid.tsv"]
    result = step("corpora.split_validation", *words, "--fraction", 0.01)
    assert (result.returncode, result.stderr) == (0, "")
    train, valid = (
        set(read_table(tmp_path / f"{name}.tsv", LISTED_COLUMNS)["utterance"]) for name in ("train", "valid")
    )
    assert not train & valid
    assert train | valid == set(IDS[:2_000])
    assert valid == {name for name, held_out in sides(IDS[:2_000], 0.01).items() if held_out}
    assert result.stdout == f"{len(train)} utterances for training, {len(valid)} for validation\n"


def test_what_is_said_does_not_count(tmp_path: Path, step) -> None:
    """Pre-training hears no transcripts: one that is corrected leaves both lists as they are."""
    lists = []
    for transcript in ("好", "妙"):
        folder = tmp_path / transcript
        write_utterances(table(IDS[:200]).assign(transcript=transcript), folder / "all.tsv")
        words = ["--utterances", folder / "all.tsv", "--outputs", folder / "train.tsv", folder / "valid.tsv"]
        assert step("corpora.split_validation", *words, "--fraction", 0.1).returncode == 0
        lists.append([(folder / f"{name}.tsv").read_bytes() for name in ("train", "valid")])
        made_from = files.read_json(folder / "train.json")["made_from"]
        assert (made_from["corpus"], made_from["validation_fraction"]) == (transcript, 0.1)  # of the folder's name
    assert lists[0] == lists[1]


@pytest.mark.slow
@pytest.mark.parametrize(("fraction", "ids"), [(1e-9, IDS[:50]), (1 - 1e-9, IDS[:50]), (0.5, [])])
def test_a_part_without_utterances_is_refused(tmp_path: Path, step, fraction: float, ids: list[str]) -> None:
    write_utterances(table(ids), tmp_path / "all.tsv")
    words = ["--utterances", tmp_path / "all.tsv", "--outputs", tmp_path / "train.tsv", tmp_path / "valid.tsv"]
    result = step("corpora.split_validation", *words, "--fraction", fraction)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: a validation_fraction of {fraction} leaves ")
    assert result.stderr.endswith("both parts need some, set it otherwise\n")
    assert not (tmp_path / "train.tsv").exists()
