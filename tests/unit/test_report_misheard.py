"""What the report says of errors follows from rates.tsv, by tables made by hand."""

import pandas as pd

from scripts.results.report.misheard import KINDS, misheard
from scripts.results.tabulate_errors import ALL_RATE_COLUMNS


def rates(
    row: str, updates: str, kinds: dict[str, int], model: str = "m", dev: int | None = None, **further: str
) -> list:
    """Lines of a row with a thousand characters each of dev and test, and the errors of these kinds."""
    same = dict.fromkeys(ALL_RATE_COLUMNS, "") | {
        "task": "aishell1",
        "model": model,
        "learning_rate": "0.1",
        "seed": "1",
        "metric": "cer",
    }
    same |= {"checkpoint": "best" if row.endswith("*") else row, "row": row, "updates": updates} | further
    whole = sum(kinds.values())
    lines = [same | line("all", "all", 1000, whole if dev is None else dev) | {"subset": "dev"}]
    lines += [same | line("all", "all", 1000, whole) | {"subset": "test"}]
    return lines + [same | line("kind", kind, 1000, kinds.get(kind, 0)) | {"subset": "test"} for kind in KINDS]


def line(by: str, group: str, characters: int, errors: int) -> dict[str, str]:
    counts = {"substitutions": errors, "deletions": 0, "insertions": 0, "characters": characters}
    return {"by": by, "group": group} | {name: str(count) for name, count in counts.items()}


def of_group(of: list, *lines: dict[str, str]) -> list:
    """The same row with further lines of test."""
    return [*of, *({**of[-1], **other} for other in lines)]


def said(*rows: list, labels: dict[str, str] | None = None) -> list[str]:
    table = pd.DataFrame([line for row in rows for line in row], columns=ALL_RATE_COLUMNS, dtype=str)
    return list(misheard(table.fillna(""), labels or {}))


SCRATCH = rates("@0 updates", "0", {"deletion": 800, "syllable": 70, "tone": 10})
MIDDLE = rates("@50 updates", "50", {"deletion": 100, "syllable": 300, "tone": 10})
LAST = rates("@400 updates", "400", {"deletion": 60, "syllable": 110, "tone": 5, "insertion": 30})


def test_what_falls_first_and_what_is_left() -> None:
    assert said(SCRATCH, MIDDLE, LAST, labels={"aishell1": "AISHELL-1"}) == [
        "On AISHELL-1, @0 updates makes 88.0 errors in a hundred characters of test (80.0 missing characters, "
        "7.0 other syllables, 1.0 other tones).",
        "At @50 updates, missing characters fall first: from 80.0 to 10.0.",
        "What is left at @400 updates: 20.5 errors in a hundred characters of test (11.0 other syllables, "
        "6.0 missing characters, 3.0 characters too many).",
        "More frequent than at @0 updates: characters too many (from 0.0 to 3.0), other syllables (from 7.0 to 11.0).",
    ]


def test_what_rises_before_it_falls_is_passed_over() -> None:
    worse = rates("@50 updates", "50", {"deletion": 900, "syllable": 50})
    assert said(SCRATCH, worse, LAST)[1] == "At @400 updates, missing characters fall first: from 80.0 to 6.0."


def test_the_best_is_chosen_on_dev() -> None:
    better_on_dev = rates("@50 updates", "50", {"deletion": 100}, dev=10)
    assert said(SCRATCH, better_on_dev, LAST)[2].startswith("What is left at @50 updates: 10.0 errors")
    star = rates("@90 updates*", "90", {"deletion": 40})
    assert said(SCRATCH, LAST, star)[2].startswith("What is left at @90 updates*: 4.0 errors")


def test_the_best_checkpoint_stands_where_its_updates_put_it() -> None:
    star = rates("@30 updates*", "30", {"deletion": 700}, dev=10)
    assert said(SCRATCH, MIDDLE, LAST, star)[1] == "At @30 updates*, missing characters fall first: from 80.0 to 70.0."


def test_where_no_pre_training_helps_only_what_is_left_is_said() -> None:
    (sentence,) = said(SCRATCH, rates("@50 updates", "50", {"deletion": 950}))
    assert sentence.startswith(
        "On aishell1, @0 updates makes 88.0 errors in a hundred characters of test (80.0 missing"
    )


def test_a_model_without_points_on_the_way() -> None:
    (sentence,) = said(rates("English", "", {"substitution": 100}, model="e"))
    assert sentence == "On aishell1, English makes 10.0 errors in a hundred characters of test (10.0 other characters)."


def test_seeds_are_counted_together_and_the_first_learning_rate_alone() -> None:
    other_seed = rates("@400 updates", "400", {"deletion": 160}, seed="2")
    other_rate = rates("@400 updates", "400", {"deletion": 1}, learning_rate="0.2")
    assert "What is left at @400 updates: 18.2 errors" in said(SCRATCH, LAST, other_seed, other_rate)[2]


def test_groups_that_differ_most() -> None:
    lines = [line("speaker", "S1", 500, 50), line("speaker", "S2", 495, 99), line("speaker", "rare", 5, 5)]
    lines += [line("speed", "3-4", 500, 10), line("speed", "4-5", 500, 20), line("length", "1-5", 1000, 20)]
    lines += [line("frequency", "0", 200, 100), line("frequency", "1-9", 300, 40), line("frequency", "10-99", 500, 10)]
    assert said(SCRATCH, of_group(LAST, *lines))[-2:] == [
        "Of the 200 characters said that the data of fine-tuning never has 50.0 % are wrong or missing, of the others "
        "6.2 %.",
        "The error rate of @400 updates goes by speaker from 10.0 % (S1) to 20.0 % (S2), by speaking rate from 2.0 % "
        "(3-4 characters a second) to 4.0 % (4-5 characters a second).",
    ]


def test_each_test_set_and_task_has_its_sentences() -> None:
    renamed = [
        [of | ({"subset": "test-other"} if of["subset"] == "test" else {}) for of in row] for row in (SCRATCH, LAST)
    ]
    others = [[of for of in row if of["subset"] != "dev"] for row in renamed]
    found = said(SCRATCH, LAST, *others)
    assert [("of test (" in one, "of test-other (" in one) for one in found if one.startswith("On")] == [
        (True, False),
        (False, True),
    ]
    other_task = [[of | {"task": "other"} for of in row] for row in (SCRATCH, LAST)]
    assert [one.split(",")[0] for one in said(SCRATCH, LAST, *other_task) if one.startswith("On")] == [
        "On aishell1",
        "On other",
    ]


def test_words_are_spoken_of_where_words_are_counted() -> None:
    of_words = [[of | {"metric": "wer"} for of in row] for row in (SCRATCH, LAST)]
    first = "On aishell1, @0 updates makes 88.0 errors in a hundred words of test (80.0 missing words"
    assert said(*of_words)[0].startswith(first)


def test_a_task_keeps_its_name_whatever_is_counted() -> None:
    of_words = [[of | {"metric": "wer"} for of in row] for row in (SCRATCH, LAST)]
    assert said(*of_words, labels={"aishell1": "1000 characters"})[0].startswith("On 1000 characters, @0 updates")
