"""Which rows are compared, what the table says of it, and what it says where there is nothing to say."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scripts.results import certainty
from scripts.results.caption import caption
from scripts.results.columns import NAMES, Further
from scripts.results.comparisons import best_on_dev, certain, partners
from scripts.results.labels import row_labels
from scripts.results.tabulate import CER_COLUMNS, PUBLISHED_COLUMNS, main
from tests.unit.scored import REFERENCE, Scored

LABELS = {"aishell1": "AISHELL-1", "english": "Wav2vec2.0(English)"}
UTTERANCES = {"aishell1": Path("results/corpora/aishell1/utterances.tsv")}
TAIL = "mandarin/after-{}-updates/lr-{}/seed-{}"
EARLY, LATE = TAIL.format(50_000, 1, 1), TAIL.format(85_000, 1, 1)
ENGLISH = "english/given/lr-1/seed-1"


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    return Scored(tmp_path)


def lines_of(scored: Scored) -> list[str]:
    scores = scored.scores()
    rows = row_labels(scores, LABELS)
    lists = {task: scored.root / path for task, path in UTTERANCES.items()}
    return caption(scores, rows, certain(scores, rows, lists)).splitlines()


def three_rows(scored: Scored) -> None:
    """Of 120 characters: 36, then 6 errors; the English model has 6 as well, of other speakers."""
    scored.add(EARLY, [6] * 6, [6] * 6)
    scored.add(LATE, [1] * 6, [1] * 6)
    scored.add(ENGLISH, [1, 1, 2, 2, 2, 2], [0, 2, 0, 2, 0, 2])


def test_what_is_compared_with_what(scored: Scored) -> None:
    three_rows(scored)
    scores = scored.scores()
    early, late, english = (("aishell1", *tail.split("/")[:2]) for tail in (EARLY, LATE, ENGLISH))
    assert best_on_dev(scores) == (late, "1")
    assert partners(scores, row_labels(scores, LABELS)) == {
        (early, "1"): {"english": (english, "1"), "best": (late, "1")},
        (late, "1"): {"above": (early, "1"), "english": (english, "1")},
        (english, "1"): {"best": (late, "1")},
    }


def test_a_table_worked_out_by_hand(scored: Scored) -> None:
    """Each of six speakers has 5 errors more: 2 of 64 ways to set the signs lead as far, 1/32. So they do against
    English, with 4 or 6 more. Three comparisons: Holm makes 3/32 of the one, and no less of the other. English and the
    late row differ by 1, -1, 1, ..., in all by 0.

    Where all speakers have as many errors, all logarithms are equal, and the interval is the rate.
    """
    three_rows(scored)
    lines = lines_of(scored)
    assert lines[0] == (
        "| Certainty | dev, 95 % over speakers | test, 95 % over speakers "
        "| to the row above | to Wav2vec2.0(English) | to the best on dev |"
    )
    assert lines[2] == "| `@50k updates` | 30.0 to 30.0 | 30.0 to 30.0 | – | +25.0 ≈ (p 0.094) | +25.0 ≈ (p 0.094) |"
    assert lines[3] == "| `@85k updates` | 5.0 to 5.0 | 5.0 to 5.0 | −25.0 ≈ (p 0.094) | 0.0 ≈ (p 1.00) | – |"
    assert lines[4].endswith("| – | – | 0.0 ≈ (p 1.00) |")
    assert lines[6] == (
        "- 95 % intervals over the 6 speakers of dev and 6 speakers of test: jackknife on log(CER) with Student's t."
    )
    assert "- test has few speakers: its intervals are wide, and say little of other speakers." in lines
    assert lines[-1].endswith("`≈`: no significant difference at 5 %.")


def test_each_test_set_has_its_intervals_and_tests(tmp_path: Path) -> None:
    """Ten speakers. On test-clean all of them have 5 errors less in 20 characters: 2/1024, of two comparisons, so twice
    that. On test-other half of them have one more and half one less. The best is the best on dev.
    """
    scored = Scored(tmp_path, speakers=10, subsets=("dev", "test-clean", "test-other"))
    scored.add(EARLY, [6] * 10, [6] * 10, [2] * 10)
    scored.add(LATE, [1] * 10, [1] * 10, [3, 1] * 5)
    lines = lines_of(scored)
    assert lines[0] == (
        "| Certainty | dev, 95 % over speakers | test-clean, 95 % over speakers | test-other, 95 % over speakers "
        "| to the row above, test-clean | to the best on dev, test-clean "
        "| to the row above, test-other | to the best on dev, test-other |"
    )
    assert lines[3].startswith("| `@85k updates` | 5.0 to 5.0 | 5.0 to 5.0 |")
    assert lines[3].endswith("| −25.0 (p 0.002) | – | 0.0 ≈ (p 1.00) | – |")
    assert lines[2].endswith("| – | +25.0 (p 0.002) | – | 0.0 ≈ (p 1.00) |")
    assert "over the 10 speakers of dev, 10 speakers of test-clean and 10 speakers of test-other: jackknife" in lines[5]
    assert "- Differences in points on test-clean and test-other, with the p-value of sign flips of their" in lines[6]


def test_learning_rates_are_reported_on_each_test_set(tmp_path: Path) -> None:
    """Rate 2 is the first row's better one on dev. On test-clean that puts it before the other, on test-other not."""
    scored = Scored(tmp_path, subsets=("dev", "test-clean", "test-other"))
    scored.add(TAIL.format(50_000, 1, 1), [6] * 6, [6] * 6, [6] * 6)
    scored.add(TAIL.format(50_000, 2, 1), [3] * 6, [4] * 6, [6] * 6)
    scored.add(TAIL.format(85_000, 1, 1), [2] * 6, [5] * 6, [5] * 6)
    scored.add(TAIL.format(85_000, 2, 1), [3] * 6, [1] * 6, [1] * 6)
    lines = lines_of(scored)
    assert lines[-7:-3] == [
        "| Learning rates | test-clean at 1 | test-other at 1 | best learning rate on dev | test-clean there "
        "| test-other there |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| `@50k updates` | 30.0 | 30.0 | 2 | 20.0 | 30.0 |",
        "| `@85k updates` | 25.0 | 25.0 | 1 | 25.0 | 25.0 |",
    ]
    assert "reported on test-clean. " in lines[-2] and "changes from @85k updates, @50k updates to" in lines[-2]
    assert "errors on test-other to the most, is the same where" in lines[-1]


def test_a_difference_that_is_more_than_chance_has_no_mark(tmp_path: Path) -> None:
    """Ten speakers: 2/1024 each, times 3 or 2 comparisons."""
    scored = Scored(tmp_path, speakers=10)
    scored.add(EARLY, [6] * 10, [6] * 10)
    scored.add(LATE, [1] * 10, [1] * 10)
    assert lines_of(scored)[3].endswith("| −25.0 (p 0.002) | – |")
    assert not any("few speakers" in line or "no p-value" in line for line in lines_of(scored))


def test_with_five_speakers_no_test_can_find_a_difference(tmp_path: Path) -> None:
    scored = Scored(tmp_path, speakers=5)
    scored.add(EARLY, [6] * 5, [6] * 5)
    scored.add(LATE, [1] * 5, [1] * 5)
    assert "- With 5 speakers no p-value is below 0.062: no test can find any." in lines_of(scored)


def test_one_speaker(tmp_path: Path) -> None:
    scored = Scored(tmp_path, speakers=1)
    scored.add(EARLY, [6], [6])
    scored.add(LATE, [1], [1])
    lines = lines_of(scored)
    assert "- test has one speaker: there is no interval over speakers, and no test." in lines
    assert lines[3] == "| `@85k updates` | – | – | −25.0 ≈ (p 1.00) | – |"


def test_nothing_is_wrong(scored: Scored) -> None:
    """Without an error a rate has no logarithm."""
    scored.add(EARLY, [0] * 6, [0] * 6)
    scored.add(LATE, [0] * 6, [0] * 6)
    assert lines_of(scored)[3] == "| `@85k updates` | – | – | 0.0 ≈ (p 1.00) | 0.0 ≈ (p 1.00) |"


def test_seeds_are_compared_seed_by_seed_and_have_an_interval(scored: Scored) -> None:
    """Over seeds, 30 errors less 108 in 360 characters; all speakers differ in one direction, which 2 of 64 ways do."""
    for seed, errors in ((1, 1), (2, 2), (3, 3)):
        scored.add(TAIL.format(50_000, 1, seed), [6] * 6, [6] * 6)
        scored.add(TAIL.format(85_000, 1, seed), [errors] * 6, [errors] * 5 + [0])
    lines = lines_of(scored)
    over_seeds = certainty.over_seeds([errors * 5 / 120 for errors in (1, 2, 3)])
    shown = f"{100 * over_seeds.low:.1f} to {100 * over_seeds.high:.1f}"
    assert "| test, 95 % over seeds |" in lines[0] and f"| {shown} |" in lines[3]
    assert "| −21.7 (p 0.031) |" in lines[3]
    (sentence,) = [line for line in lines if "larger source" in line]
    deviation = 100 * certainty.deviation([errors * 5 / 120 for errors in (1, 2, 3)]) / 2**0.5
    assert f"and by {deviation:.1f} over seeds" in sentence and sentence.endswith("seeds are the larger source.")


def test_learning_rates_are_chosen_on_dev_and_reported_on_test(scored: Scored) -> None:
    """At the first rate 85k is the better one. For 50k the rate 2 is better on dev, and makes it the better on test.
    For 85k it is not, although it would be on test.
    """
    scored.add(TAIL.format(50_000, 1, 1), [6] * 6, [6] * 6)
    scored.add(TAIL.format(50_000, 2, 1), [3] * 6, [4] * 6)
    scored.add(TAIL.format(85_000, 1, 1), [2] * 6, [5] * 6)
    scored.add(TAIL.format(85_000, 2, 1), [3] * 6, [1] * 6)
    lines = lines_of(scored)
    assert lines[-4:-2] == ["| `@50k updates` | 30.0 | 2 | 20.0 |", "| `@85k updates` | 25.0 | 1 | 25.0 |"]
    assert "changes from @85k updates, @50k updates to @50k updates, @85k updates where" in lines[-1]
    assert any(line.startswith("| `@85k updates, lr 2` | 15.0 to 15.0 | 5.0 to 5.0 | −15.0 ≈") for line in lines)


@pytest.mark.parametrize("lost", ["text", "utterances.tsv"])
def test_what_was_deleted_leaves_a_sentence(scored: Scored, lost: str) -> None:
    three_rows(scored)
    for path in scored.root.rglob(lost):
        if lost != "text" or "after-85000-updates" in str(path):
            path.unlink()
    lines = lines_of(scored)
    if lost == "text":
        assert lines[2].startswith("| `@50k updates` | 30.0 to 30.0 | 30.0 to 30.0 |")
        assert lines[3] == "| `@85k updates` | – | – | – |"
        assert "- No interval and no test: " in lines[-1] and lines[-1].endswith("/text is missing: remake it.")
    else:
        assert len(lines) == 2 and "utterances.tsv cannot be read" in lines[0]


def test_transcripts_are_those_of_the_file_whatever_the_row_is_called(scored: Scored) -> None:
    """As the row of the best checkpoint is another name for that of a milestone."""
    three_rows(scored)
    early = [score for score in scored.scores() if "50000" in score.branch.checkpoint]
    best = [replace(score, branch=replace(score.branch, checkpoint="best")) for score in early]
    found = certain(early + best, row_labels(early + best, LABELS), {"aishell1": scored.root / scored.utterances})
    one = found.compared[(("aishell1", "mandarin", "best"), "1"), "test", "above"]
    assert found.lacking == [] and (one.difference, one.p) == (0, 1)


def test_what_is_not_what_was_scored_is_not_taken_for_it(scored: Scored) -> None:
    three_rows(scored)
    (text,) = scored.root.glob(f"results/transcripts/*/test/from/{LATE}/text")
    text.write_text(text.read_text(encoding="utf-8").replace(REFERENCE, ""), encoding="utf-8")
    assert "text is another than was scored: score again" in lines_of(scored)[-1]
    scored.table["transcript"] = REFERENCE[1:]
    scored.table.to_csv(scored.root / scored.utterances, sep="\t", index=False)
    assert all("other transcripts of" in line and "than were scored: score again" in line for line in lines_of(scored))


def test_columns(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scored.root)
    scored.add(EARLY, [6] * 6, [5, 6, 6, 6, 6, 7], epochs=12)
    scored.add(LATE, [1] * 6, [1] * 6)
    scored.add(ENGLISH, [2] * 6, [1] * 6)
    scores = scored.scores()
    rows = row_labels(scores, LABELS)
    others = [["@50k updates", "6.7", "7.5", "AISHELL-1", ""], ["@85k updates", "6.1", "6.7", "another corpus", ""]]
    published = {"aishell1": pd.DataFrame(others, columns=PUBLISHED_COLUMNS)}
    further = Further(scores, rows, LABELS, published, certain(scores, rows, UTTERANCES))
    early, late = further.of(scores[1]), further.of(scores[3])
    interval = certainty.over_speakers(*(pd.Series(values).to_numpy() for values in ([5, 6, 6, 6, 6, 7], [20] * 6)))
    assert (early["low"], early["high"]) == (f"{interval.low:.6g}", f"{interval.high:.6g}")
    assert early["score"] == f"results/cer/aishell1/test/from/{EARLY}.json"
    assert (early["speakers"], early["epochs"], late["epochs"]) == (6, 12, None)
    assert (early["published"], early["difference"]) == ("7.5", "22.50") and "published" not in late
    assert (late["above"], late["english"], "best" in late) == ("@50k updates", "Wav2vec2.0(English)", False)
    assert float(late["p_above"]) == pytest.approx(3 / 32, rel=1e-3) and late["p_english"] == "1"
    assert late["mapsswe_english"] == "1" and float(late["mapsswe_above"]) < 0.001
    errors, later = (pd.Series(values).to_numpy() for values in ([5, 6, 6, 6, 6, 7], [1] * 6))
    fall = certainty.of_difference(later, errors, pd.Series([20] * 6).to_numpy())
    assert (late["low_above"], late["high_above"]) == (f"{100 * fall.low:.6g}", f"{100 * fall.high:.6g}")
    assert (early["low_best"], early["high_best"]) == (f"{-100 * fall.high:.6g}", f"{-100 * fall.low:.6g}")
    assert set(early) | set(late) == set(NAMES)


def test_the_published_best_is_that_of_its_mark(scored: Scored) -> None:
    """Whatever its updates, which chance decides."""
    scored.add(EARLY, [6] * 6, [6] * 6)
    (score, _) = scored.scores()
    published = {"aishell1": pd.DataFrame([["@396k updates*", "5.2", "5.8", "A", ""]], columns=PUBLISHED_COLUMNS)}
    checkpoint = ("aishell1", "mandarin", "after-50000-updates")
    for label, expected in (("@398k updates*", "5.2"), ("@398k updates", None)):
        further = Further([score], {checkpoint: label}, {"aishell1": "A"}, published, certain([], {}, {}))
        assert further.published_number(score) == expected


def test_command_line(scored: Scored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(scored.root)
    three_rows(scored)
    command = ["--scores", *map(str, scored.paths), "--label", "aishell1=AISHELL-1", "english=English"]
    command += ["--utterances", f"aishell1={scored.utterances}", "--tsv", "cer.tsv", "--markdown", "cer.md"]
    monkeypatch.setattr(sys, "argv", ["tabulate", *command])
    main()
    lines = Path("cer.md").read_text().splitlines()
    assert lines[:5] == [
        *("| AISHELL-1 | dev | test |", "| --- | ---: | ---: |", "| @50k updates | 30.0 | 30.0 |"),
        *("| @85k updates | 5.0 | 5.0 |", "| English | 8.3 | 5.0 |"),
    ]
    assert lines[8].startswith("| Certainty | dev, 95 % over speakers |")
    table = pd.read_csv("cer.tsv", sep="\t")
    assert list(table.columns) == CER_COLUMNS and table["speakers"].tolist() == [6] * 6
    assert capsys.readouterr().out == ""


def test_words_are_compared_where_words_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six speakers with one utterance of three words each: of 18 words six are wrong, then none."""
    monkeypatch.setattr("tests.unit.scored.REFERENCE", "ab cd ef")
    scored = Scored(tmp_path, utterances=1)
    for tail, heard in ((EARLY, "ab cx ef"), (LATE, "ab cd ef")):
        for subset in ("dev", "test"):
            names = scored.table.loc[scored.table["subset"] == subset, "utterance"]
            scored.write(tail, subset, dict.fromkeys(names, heard), "aishell1", 0)
            path = scored.root / scored.paths[-1]
            wrong = len(names) * (heard != "ab cd ef")
            words = {"word_substitutions": wrong, "word_deletions": 0, "word_insertions": 0, "words": 3 * len(names)}
            path.write_text(json.dumps(json.loads(path.read_text()) | words | {"metric": "wer"}))
    lines = lines_of(scored)
    assert lines[2].startswith("| `@50k updates` | 33.3 to 33.3 | 33.3 to 33.3 |")
    assert "| −33.3 ≈ (p 0.031)" in lines[3] or "| −33.3 (p 0.031)" in lines[3]
    assert any("jackknife on log(WER)" in line for line in lines)
