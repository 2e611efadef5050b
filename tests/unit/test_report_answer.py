"""The paragraph that answers: what it says follows from the numbers, by tables made by hand."""

import pandas as pd
import pytest

from scripts.results.report.answer import answers
from scripts.results.tabulate import CER_COLUMNS

Row = dict[str, str]


def row(name: str, updates: str, dev: float, test: float, model: str = "m", **further: str) -> list[Row]:
    """The two lines of cer.tsv of a score, of ten speakers; `further` is said of test."""
    same = dict.fromkeys(CER_COLUMNS, "") | {"task": "aishell1", "learning_rate": "0.1", "seed": "1"}
    same |= {"model": model, "checkpoint": "best" if name.endswith("*") else name, "row": name, "updates": updates}
    further = {"speakers": "10"} | further
    of_rows = {key: further.pop(key) for key in ("seed", "learning_rate", "task") if key in further}
    return [
        same | of_rows | {"subset": "dev", "cer": str(dev)},
        same | of_rows | {"subset": "test", "cer": str(test)} | further,
    ]


def said(*rows: list[Row], labels: dict[str, str] | None = None) -> list[str]:
    return list(
        answers(
            pd.DataFrame([line for of_row in rows for line in of_row], columns=CER_COLUMNS, dtype=str), labels or {}
        )
    )


def against(best: str, p: str, above: str = "", p_above: str = "") -> Row:
    return {"best": best, "p_best": p, "above": above, "p_above": p_above}


def between(low: str, high: str) -> Row:
    return {"low": low, "high": high}


FIRST = row("@0 updates", "0", 0.8, 0.9, **between("0.85", "0.95"), **against("@2 updates", "0.004"))
BEST = row("@2 updates", "2", 0.3, 0.21, **between("0.18", "0.25"), above="@0 updates", p_above="0.004")
LATER = row("@9 updates", "9", 0.31, 0.2, **against("@2 updates", "0.4", "@2 updates", "0.4"))


def english(p: str, test: float = 0.2549) -> list[Row]:
    return row("English", "", 0.25, test, model="e", **against("@2 updates", p))


def test_what_is_certain_is_said_with_its_intervals() -> None:
    assert said(FIRST, BEST, LATER, english("0.3"), labels={"aishell1": "AISHELL-1"}) == [
        "On AISHELL-1, pre-training lowers CER of test from 90.0 % (85.0 to 95.0) without pre-training to 21.0 % "
        "(18.0 to 25.0) after 2 updates, where it is lowest on dev: −69.0 points, p 0.004.",
        "1 of its 2 steps from milestone to milestone is significant: to @2 updates (−69.0 points).",
        "@2 updates against English: no significant difference at this size (−4.5 points, p 0.30); 21.0 % "
        "(18.0 to 25.0) against 25.5 %.",
        "All intervals are of 95 %, over the 10 speakers of test.",
    ]


@pytest.mark.parametrize(
    ("test", "verb", "numbers"),
    [(0.2549, "fewer", "25.5 % (−4.5 points, p 0.01)."), (0.11, "more", "11.0 % (+10.0 points, p 0.01).")],
)
def test_another_model_that_differs(test: float, verb: str, numbers: str) -> None:
    expected = f"@2 updates makes {verb} errors in test than English: 21.0 % (18.0 to 25.0) against {numbers}"
    assert expected in said(FIRST, BEST, english("0.01", test))


def test_a_difference_may_be_found_in_the_row_of_either() -> None:
    best = [line | {"english": "English", "p_english": "0.01"} for line in BEST]
    rival = row("English", "", 0.25, 0.2549, model="e")
    assert any(sentence.startswith("@2 updates makes fewer") for sentence in said(FIRST, best, rival))


def test_the_interval_of_a_difference_is_turned_as_the_sentence_is() -> None:
    """The table has a row less the other."""
    first = [line | {"low_best": "56.30", "high_best": "74.04"} for line in FIRST]
    assert said(first, BEST)[0].endswith(": −69.0 points, 95 % −74.0 to −56.3, p 0.004.")
    first = row("@0 updates", "0", 0.8, 0.9)
    best = [line | {"low_above": "-74.04", "high_above": "-56.30"} for line in BEST]
    assert said(first, best)[0].endswith(": −69.0 points, 95 % −74.0 to −56.3, p 0.004.")


def test_what_may_be_chance_is_no_fall() -> None:
    first = row("@0 updates", "0", 0.8, 0.22, **between("0.1", "0.3"), **against("@2 updates", "0.07"))
    sentence = said(first, BEST)[0]
    assert "CER of test goes from 22.0 %" in sentence and "lowers" not in sentence
    assert sentence.endswith("no significant difference at this size (−1.0 points, p 0.07).")


def test_few_speakers_are_named_where_no_test_could_find_any() -> None:
    first = row("@0 updates", "0", 0.8, 0.9, **against("@2 updates", "0.062"), speakers="5")
    assert said(first, BEST)[0].endswith("(−69.0 points, p 0.062; with 5 speakers no test finds one).")


def test_what_pre_training_worsens_is_said_so() -> None:
    first = row("@0 updates", "0", 0.8, 0.1, **against("@2 updates", "0.01"))
    assert "pre-training raises CER of test from 10.0 % without pre-training to 21.0 %" in said(first, BEST)[0]


def test_of_one_speaker_nothing_is_known() -> None:
    first = row("@0 updates", "0", 0.8, 0.9, speakers="1")
    best = row("@2 updates", "2", 0.3, 0.21, speakers="1")
    assert said(first, best) == [
        "On aishell1, CER of test goes from 90.0 % without pre-training to 21.0 % after 2 updates, where it is lowest "
        "on dev: −69.0 points, and whether that is more than chance is not known (test has one speaker)."
    ]


def test_of_rows_that_were_not_compared_nothing_is_known() -> None:
    """As where transcripts were deleted, or English is the best on dev."""
    first = row("@0 updates", "0", 0.8, 0.9, **against("English", "0.01"))
    assert "is not known (the two were not compared)" in said(first, row("@2 updates", "2", 0.3, 0.21))[0]


def test_a_table_of_fewer_columns_says_less() -> None:
    columns = ["task", "model", "checkpoint", "row", "updates", "learning_rate", "seed", "subset", "cer"]
    table = pd.DataFrame([*FIRST, *BEST], columns=columns, dtype=str)
    (sentence,) = answers(table, {})
    assert sentence.startswith("On aishell1, CER of test goes from 90.0 % without") and "not known" in sentence


def test_what_helps_nowhere_is_said_so() -> None:
    found = said(row("@0 updates", "0", 0.2, 0.3), row("@2 updates", "2", 0.4, 0.1), labels={"m": "M"})
    assert found == [
        "On aishell1, pre-training of M lowers CER nowhere: on dev the lowest is that without pre-training, 20.0 % on "
        "dev and 30.0 % on test."
    ]


def test_seeds_are_averaged_and_their_spread_is_told() -> None:
    other = row("@2 updates", "2", 0.5, 0.41, seed="2", **between("0.3", "0.5"))
    found = said(FIRST, BEST, other)
    assert "to 31.0 ± 14.1 % after 2 updates" in found[0]
    assert found[-2:] == [
        "All intervals are of 95 %, over the 10 speakers of test.",
        "±: standard deviation over seeds of fine-tuning.",
    ]


def test_intervals_are_explained_where_there_are_any() -> None:
    """Of several seeds there are none of a row, but of differences."""
    spread = "±: standard deviation over seeds of fine-tuning."
    second = [[line | {"seed": "2"} for line in of_row] for of_row in (FIRST, BEST)]
    assert said(FIRST, BEST, *second)[1:] == [spread]
    rows = [[line | {"low_best": "1", "high_best": "2"} for line in of_row] for of_row in (FIRST, second[0])]
    assert said(*rows, BEST, second[1])[1:] == ["All intervals are of 95 %, over the 10 speakers of test.", spread]


def test_steps_are_counted_along_the_milestones_alone() -> None:
    star = row("@9 updates*", "9", 0.31, 0.2, **against("@2 updates", "0.4"))
    assert said(FIRST, BEST, LATER, star)[1] == said(FIRST, BEST, LATER)[1]
    last = row("@9 updates", "9", 0.4, 0.4, **against("@2 updates", "0.02", "@2 updates", "0.02"))
    assert said(FIRST, BEST, last)[1] == (
        "2 of its 2 steps from milestone to milestone are significant: to @2 updates (−69.0 points), "
        "to @9 updates (+19.0 points)."
    )
    untested = row("@9 updates", "9", 0.4, 0.4)
    assert not any("steps" in sentence for sentence in said(FIRST, BEST, untested))


def test_learning_rates_are_those_of_dev() -> None:
    """The first one is compared; then each row at its best on dev, whatever test says."""
    rows = [
        row("@0 updates", "0", 0.7, 0.95, learning_rate="0.2"),
        row("@2 updates", "2", 0.35, 0.1, learning_rate="0.2"),
    ]
    found = said(FIRST, BEST, *rows)
    assert found[0].startswith("On aishell1 at a learning rate of 0.1, pre-training lowers CER of test from 90.0 %")
    assert found[1] == (
        "At the learning rate that is best on dev for each, CER of test is 95.0 % for @0 updates (lr 0.2) and "
        "21.0 % (18.0 to 25.0) for @2 updates (lr 0.1)."
    )


def test_the_published_number_stands_beside_ours() -> None:
    best = row("@2 updates", "2", 0.3, 0.21, published="5.2", difference="15.80")
    assert "Published for @2 updates: 5.2 %, ours +15.8 points." in said(FIRST, best)


def test_each_test_set_has_its_sentences() -> None:
    rows = [line | ({"subset": "test-other"} if line["subset"] == "test" else {}) for line in [*FIRST, *BEST]]
    more = [line for line in rows if line["subset"] != "dev"]
    found = said(FIRST, BEST, more)
    assert [("of test " in one, "of test-other " in one) for one in found[:2]] == [(True, False), (False, True)]
    assert found[-1] == "All intervals are of 95 %, over the 10 speakers of test-other."


def test_each_task_has_its_sentences() -> None:
    others = [line | {"task": "other"} for line in [*FIRST, *BEST]]
    assert [one.split(",")[0] for one in said(FIRST, BEST, others) if one.startswith("On")] == [
        "On aishell1",
        "On other",
    ]


def test_a_single_checkpoint_has_no_course() -> None:
    assert said(row("English", "", 0.2, 0.3, model="e")) == []


def test_another_error_rate_is_called_by_its_name() -> None:
    rows = [[line | {"metric": "wer"} for line in of_row] for of_row in (FIRST, BEST, LATER)]
    assert said(*rows)[0].startswith("On aishell1, pre-training lowers WER of test from 90.0 %")
