"""The table: names of rows, cells worked out by hand, and the scores that it refuses."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scripts.common.errors import StepError
from scripts.results import columns
from scripts.results.comparisons import Certain
from scripts.results.labels import checkpoint_of, row_labels, thousands
from scripts.results.scores import Score, read_scores
from scripts.results.tabulate import CER_COLUMNS, PUBLISHED_COLUMNS, cell, long_table, main, markdown, read_published

LABELS = {"aishell1": "AISHELL-1", "english": "Wav2vec2.0(English)"}
ROW = ["Wav2vec2.0(English)", "6.2", "6.7", "AISHELL-1", "[1] a paper"]
PUBLISHED = {"aishell1": pd.DataFrame([ROW], columns=PUBLISHED_COLUMNS)}
WORDS = {"word_substitutions": 2, "word_deletions": 1, "word_insertions": 1, "words": 40}


def write_score(root: Path, subset: str, tail: str, errors: int, task: str = "aishell1", **changed: int) -> Path:
    """A score of `errors` substitutions in 200 characters of 20 utterances."""
    path = root / f"results/cer/{task}/{subset}/from/{tail}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = {"substitutions": errors, "deletions": 0, "insertions": 0, "characters": 200, "utterances": 20} | changed
    path.write_text(json.dumps(counts | {"cer": errors / 200}))
    return path


def write_both(root: Path, tail: str, dev: int, test: int, task: str = "aishell1") -> list[Path]:
    return [write_score(root, "dev", tail, dev, task), write_score(root, "test", tail, test, task)]


BEST = "mandarin/best-at-396437-updates"


def table(scores: list[Score], labels: dict[str, str] = LABELS) -> list[str]:
    """The lines of cer.md that belong to a table, without its first two."""
    text = markdown(scores, row_labels(scores, labels), labels, {})
    return [line for line in text.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    ("updates", "shown"), [(0, "0"), (800, "800"), (1000, "1k"), (1500, "1500"), (50_000, "50k"), (396_437, "396437")]
)
def test_updates_of_a_milestone(updates: int, shown: str) -> None:
    assert thousands(updates) == shown


@pytest.mark.parametrize(
    ("rates", "shown"),
    [
        ([0.0672], "6.7"),
        ([1.5], "150.0"),
        # Mean 12; deviations -2 0 2, their squares add up to 8, 8 / (3 - 1) = 4.
        ([0.10, 0.12, 0.14], "12.0 ± 2.0"),
    ],
)
def test_cell(rates: list[float], shown: str) -> None:
    assert cell(rates) == shown


def test_the_published_shape(tmp_path: Path) -> None:
    """The best checkpoint comes behind the milestones of its model, before the next model."""
    paths = [
        *write_both(tmp_path, "mandarin/after-0-updates/lr-0.0002/seed-1", 150, 160),
        *write_both(tmp_path, "mandarin/after-50000-updates/lr-0.0002/seed-1", 13, 15),
        *write_both(tmp_path, "english/given/lr-0.0002/seed-1", 12, 13),
    ]
    scores = read_scores(paths, write_both(tmp_path, f"{BEST}/lr-0.0002/seed-1", 10, 11))
    text = markdown(scores, row_labels(scores, LABELS), LABELS, PUBLISHED)
    assert text == (
        "| AISHELL-1 | dev | test |\n"
        "| --- | ---: | ---: |\n"
        "| @0 updates | 75.0 | 80.0 |\n"
        "| @50k updates | 6.5 | 7.5 |\n"
        "| @396k updates* | 5.0 | 5.5 |\n"
        "| Wav2vec2.0(English) | 6.0 | 6.5 |\n"
        "| published: Wav2vec2.0(English) | 6.2 | 6.7 |\n"
        "\n"
        "- Character error rate in percent on 20 utterances of dev and 20 utterances of test; one seed.\n"
        "- `*`: the checkpoint with the lowest validation loss of pre-training.\n"
        "- `published:` as reported for the whole of AISHELL-1, not measured here. [1] a paper.\n"
    )


def test_long_table(tmp_path: Path) -> None:
    paths = write_both(tmp_path, "english/given/lr-0.0002/seed-1", 12, 13)
    scores = read_scores(paths, write_both(tmp_path, f"{BEST}/lr-0.0002/seed-2", 10, 11))
    head, *lines = [line.split("\t") for line in long_table(scores, row_labels(scores, LABELS)).splitlines()]
    assert head == CER_COLUMNS
    run = ["aishell1", "mandarin", "best", "@396k updates*", "396437", "0.0002", "2"]
    given = ["aishell1", "english", "given", "Wav2vec2.0(English)", "", "0.0002", "1"]
    assert [line[:14] for line in lines] == [
        [*given, "dev", "12", "0", "0", "200", "20", "0.06"],
        [*given, "test", "13", "0", "0", "200", "20", "0.065"],
        [*run, "dev", "10", "0", "0", "200", "20", "0.05"],
        [*run, "test", "11", "0", "0", "200", "20", "0.055"],
    ]
    for line in lines:  # the rest is taken from transcripts
        rest = zip(head[14:], line[14:], strict=True)
        assert {name: value for name, value in rest if value} == {"metric": "cer"}


def test_a_milestone_that_is_the_best_has_two_rows(tmp_path: Path) -> None:
    """Of one fine-tuning, for each task, learning rate and seed: the second row is the best checkpoint's."""
    tails = [f"mandarin/after-{n}-updates/lr-{lr}/seed-{seed}" for n in (400, 800) for lr in (1, 2) for seed in (1, 2)]
    paths = [path for task in ("a", "b") for tail in tails for path in write_both(tmp_path, tail, len(tail), 40, task)]
    others = [path for task in ("a", "b") for path in write_both(tmp_path, "english/given/lr-1/seed-1", 60, 80, task)]
    best = [path for path in paths if "after-400-updates" in path.parts]
    scores = read_scores([*paths[:16], *others[:2], *paths[16:], *others[2:]], best)
    assert len(scores) == len(paths) + len(others) + len(best)
    lines = [line.rsplit(" | ", 2)[0] for line in table(scores, LABELS)]
    rows = [f"| @{n} updates{mark}, lr {lr}" for n, mark in ((400, ""), (800, ""), (400, "*")) for lr in (1, 2)]
    assert [line for line in lines if line.startswith("| @")] == rows * 2
    assert lines.index("| Wav2vec2.0(English), lr 1") == len(rows)
    marked = [score for score in scores if score.branch.checkpoint == "best"]
    again = [replace(score, branch=replace(score.branch, checkpoint="after-400-updates")) for score in marked]
    assert again == [score for score in scores if score.branch.checkpoint == "after-400-updates"]


def test_seeds_share_a_row_and_learning_rates_do_not(tmp_path: Path) -> None:
    tail = "mandarin/after-800-updates/lr-{}/seed-{}"
    paths = [
        path
        for seed, errors in ((1, 20), (2, 24), (3, 28))
        for path in write_both(tmp_path, tail.format("0.002", seed), errors, 40)
    ]
    paths += write_both(tmp_path, tail.format("2e-05", 1), 100, 120)
    scores = read_scores(paths)
    assert table(scores) == [
        "| @800 updates, lr 0.002 | 12.0 ± 2.0 | 20.0 ± 0.0 |",
        "| @800 updates, lr 2e-05 | 50.0 | 60.0 |",
    ]
    assert "over 1 to 3 seeds" in markdown(scores, row_labels(scores, LABELS), LABELS, {})


def test_words(tmp_path: Path) -> None:
    """10 and 20 of 200 characters; 4 and 2 of 40 words. The literature's rows say nothing of words."""
    tail = "mandarin/after-800-updates/lr-1/seed-1"
    paths = [
        write_score(tmp_path, "dev", tail, 10, **WORDS),
        write_score(tmp_path, "test", tail, 20, **WORDS | {"word_substitutions": 0}),
    ]
    scores = read_scores(paths)
    assert markdown(scores, row_labels(scores, LABELS), LABELS, PUBLISHED) == (
        "| AISHELL-1 | dev | test | dev WER | test WER |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| @800 updates | 5.0 | 10.0 | 10.0 | 5.0 |\n"
        "| published: Wav2vec2.0(English) | 6.2 | 6.7 |  |  |\n"
        "\n"
        "- Character error rate in percent on 20 utterances of dev and 20 utterances of test; one seed.\n"
        "- WER: the word error rate in percent of the words, which stand between spaces.\n"
        "- `published:` as reported for the whole of AISHELL-1, not measured here. [1] a paper.\n"
    )


def test_words_of_one_task_leave_another_without(tmp_path: Path) -> None:
    tail = "mandarin/after-800-updates/lr-1/seed-1"
    words = [write_score(tmp_path, subset, tail, 10, task="other", **WORDS) for subset in ("dev", "test")]
    scores = read_scores([*write_both(tmp_path, tail, 20, 40), *words])
    assert table(scores)[0] == "| @800 updates | 10.0 | 20.0 |"
    assert table(scores)[-1] == "| @800 updates | 5.0 | 5.0 | 10.0 | 10.0 |"


def test_two_models_without_label_are_told_apart(tmp_path: Path) -> None:
    paths = [
        path
        for model in ("tibetan", "uyghur")
        for path in write_both(tmp_path, f"{model}/after-800-updates/lr-1/seed-1", 20, 40)
    ]
    assert table(read_scores(paths)) == [
        "| tibetan @800 updates | 10.0 | 20.0 |",
        "| uyghur @800 updates | 10.0 | 20.0 |",
    ]


def test_a_labelled_model_shows_its_updates_only_where_it_has_several(tmp_path: Path) -> None:
    tails = ["mandarin/after-800-updates", "english/after-400-updates", "english/after-800-updates"]
    scores = read_scores([path for tail in tails for path in write_both(tmp_path, f"{tail}/lr-1/seed-1", 20, 40)])
    assert [line.split(" | ")[0] for line in table(scores)] == [
        "| @800 updates",
        "| Wav2vec2.0(English) @400 updates",
        "| Wav2vec2.0(English) @800 updates",
    ]
    assert [line.split(" | ")[0] for line in table([s for s in scores if s.updates == 800])] == [
        "| @800 updates",
        "| Wav2vec2.0(English)",
    ]


def test_the_best_checkpoint_of_a_short_run_is_shown_to_the_update(tmp_path: Path) -> None:
    scores = read_scores([], write_both(tmp_path, "mandarin/best-at-783-updates/lr-1/seed-1", 20, 40))
    assert table(scores) == ["| @783 updates* | 10.0 | 20.0 |"]


def test_each_task_has_a_table(tmp_path: Path) -> None:
    tail = "mandarin/after-800-updates/lr-1/seed-1"
    scores = read_scores([*write_both(tmp_path, tail, 20, 40), *write_both(tmp_path, tail, 30, 50, task="other")])
    text = markdown(scores, row_labels(scores, LABELS), LABELS, PUBLISHED)
    assert text.index("| AISHELL-1 | dev | test |") < text.index("| other | dev | test |")
    assert text.count("published:") == 2 and text.rindex("published:") < text.index("| other |")  # a row and a note


def test_two_models_with_one_label_are_refused(tmp_path: Path) -> None:
    paths = [path for model in ("a", "b") for path in write_both(tmp_path, f"{model}/given/lr-1/seed-1", 20, 40)]
    with pytest.raises(StepError, match="a label of its own"):
        table(read_scores(paths), labels={"a": "same", "b": "same"})


@pytest.mark.parametrize(
    "tail",
    [
        "mandarin/after-x-updates/lr-1/seed-1",
        "mandarin/after-50k-updates/lr-1/seed-1",
        "mandarin/last/lr-1/seed-1",
        "mandarin/best/lr-1/seed-1",  # which one?
        "mandarin/best-at-800-updates/seed-1",
        "mandarin/best-at-800-updates/lr-high/seed-1",
        "mandarin/best-at-800-updates/lr-1/seed-1/again",
    ],
)
def test_a_path_of_another_shape_is_refused(tmp_path: Path, tail: str) -> None:
    path = write_score(tmp_path, "dev", tail, 20)
    with pytest.raises(StepError, match="is not named") as caught:
        read_scores([path])
    assert str(path) in str(caught.value)


def test_incomplete_and_inconsistent_scores_are_refused(tmp_path: Path) -> None:
    one = write_both(tmp_path, "mandarin/after-800-updates/lr-1/seed-1", 20, 40)
    with pytest.raises(StepError, match="seed 1 has no score for test"):
        read_scores(one[:1])
    with pytest.raises(StepError, match="two scores for dev"):
        read_scores([*one, one[0]])
    with pytest.raises(StepError, match="from mandarin/best, lr 1, seed 1 has no score for test"):
        read_scores(one, one[:1])
    older = write_score(tmp_path, "dev", f"{BEST}/lr-1/seed-1", 20, characters=199)
    with pytest.raises(StepError, match="score again what is older"):
        read_scores(one, [older, write_score(tmp_path, "test", f"{BEST}/lr-1/seed-1", 20)])


COUNTED = {"substitutions": 1, "deletions": 0, "insertions": 0, "characters": 9, "utterances": 1}


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"substitutions": 1}', '{"substitutions": 0.5}', json.dumps(COUNTED | {"words": 3})],
)
def test_a_file_with_other_content_is_refused(tmp_path: Path, content: str) -> None:
    path = write_score(tmp_path, "dev", "mandarin/after-800-updates/lr-1/seed-1", 20)
    path.write_text(content)
    with pytest.raises(StepError) as caught:
        read_scores([path])
    assert str(path) in str(caught.value)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    best = " ".join(map(str, write_both(Path(), f"{BEST}/lr-0.0002/seed-1", 10, 11)))
    scores = " ".join(map(str, write_both(Path(), "mandarin/after-0-updates/lr-0.0002/seed-1", 150, 160)))
    Path("published.tsv").write_text("row\tdev\ttest\tcorpus\tnote\n@50k updates\t6.7\t7.5\tA\t\n")
    command = f"--scores {scores} --best {best} --label aishell1=AISHELL-1"
    command += " --published aishell1=published.tsv --tsv results/cer.tsv --markdown results/cer.md"
    monkeypatch.setattr(sys, "argv", ["tabulate", *command.split()])
    main()
    assert (
        "| @396k updates* | 5.0 | 5.5 |\n| published: @50k updates | 6.7 | 7.5 |\n"
        in Path("results/cer.md").read_text()
    )
    assert len(Path("results/cer.tsv").read_text().splitlines()) == 5


@pytest.mark.parametrize("words", ["--scores {} {}", "--scores {} {} --best {} {}"])
def test_no_table_is_made_before_its_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    paths = write_both(Path(), "mandarin/after-800-updates/lr-0.0002/seed-1", 10, 11)
    traced = {path.as_posix(): json.loads(path.read_text()) for path in paths}
    Path("provenance.json").write_text(json.dumps({"experiment": "abc", "git_commit": "f00d", "parts": traced}))
    command = f"{words.format(*paths, *paths)} --provenance provenance.json --tsv cer.tsv --markdown cer.md"
    monkeypatch.setattr(sys, "argv", ["tabulate", *command.split()])
    main()
    assert (
        Path("cer.md")
        .read_text()
        .endswith("Experiment `abc`, commit `f00d`; provenance.json says what each number was made from.\n")
    )
    Path("cer.tsv").unlink()
    write_score(Path(), "test", "mandarin/after-800-updates/lr-0.0002/seed-1", 12)
    with pytest.raises(StepError, match=f"{paths[1]} is another score than provenance.json speaks of: start again"):
        main()
    assert not Path("cer.tsv").exists()


def test_the_published_table_is_whole() -> None:
    published = pd.read_csv(
        Path(__file__).parents[2] / "config/published.tsv", sep="\t", dtype=str, keep_default_na=False
    )
    assert list(published.columns) == PUBLISHED_COLUMNS
    assert published["note"].all(), "every published number names its source"
    assert set(published["corpus"]) == {"AISHELL-1"}
    expected = "6.7 6.1 5.8 5.6 5.1 5.2 5.2 6.2 5.1 4.8", "7.5 6.7 6.4 6.3 5.6 5.7 5.8 6.7 5.6 5.3"
    assert (" ".join(published["dev"]), " ".join(published["test"])) == expected


SETS = ("dev", "test-clean", "test-other")


def write_sets(root: Path, tail: str, *errors: int, task: str = "aishell1") -> list[Path]:
    return [write_score(root, subset, tail, count, task) for subset, count in zip(SETS, errors, strict=True)]


def test_each_test_set_has_a_column(tmp_path: Path) -> None:
    tail = "mandarin/after-{}-updates/lr-1/seed-{}"
    paths = [path for seed in (1, 2) for path in write_sets(tmp_path, tail.format(800, seed), 10, 20, 30 + 2 * seed)]
    scores = read_scores([*paths, *write_both(tmp_path, tail.format(800, 1), 40, 50, task="other")])
    (tmp_path / "published.tsv").write_text(
        "row\tdev\ttest-clean\ttest-other\tcorpus\tnote\nE\t1.0\t2.0\t3.0\tAISHELL-1\t[1] a paper\n"
    )
    published = read_published(tmp_path / "published.tsv", [score for score in scores if score.subset != "test"])
    lines = markdown(scores, row_labels(scores, LABELS), LABELS, {"aishell1": published}).splitlines()
    assert lines[:6] == [
        "| AISHELL-1 | dev | test-clean | test-other |",
        "| --- | ---: | ---: | ---: |",
        "| @800 updates | 5.0 ± 0.0 | 10.0 ± 0.0 | 16.5 ± 0.7 |",
        "| published: E | 1.0 | 2.0 | 3.0 |",
        "",
        "- Character error rate in percent on 20 utterances of dev, 20 utterances of test-clean and 20 utterances of "
        "test-other; mean ± sample standard deviation over 2 seeds.",
    ]
    assert "| other | dev | test |" in lines and "| @800 updates | 20.0 | 25.0 |" in lines
    listed = [line.split("\t")[7] for line in long_table(scores, row_labels(scores, LABELS)).splitlines()]
    assert listed == ["subset", *SETS, *SETS, "dev", "test"]


def test_what_was_published_on_other_test_sets_is_left_out(tmp_path: Path) -> None:
    scores = read_scores(write_sets(tmp_path, "a/given/lr-1/seed-1", 1, 2, 3))
    file = tmp_path / "published.tsv"
    file.write_text("row\tdev\ttest-other\ttest\tcorpus\tnote\nE\t1.0\t2.0\t3.0\tAISHELL-1\t\n")
    published = read_published(file, scores)
    assert published.to_numpy().tolist() == [["E", "1.0", "", "2.0", "AISHELL-1", ""]]
    further = columns.Further(
        scores, row_labels(scores, {}), {"aishell1": "AISHELL-1"}, {"aishell1": published}, Certain()
    )
    further.rows[checkpoint_of(scores[0])] = "E"
    assert [further.published_number(score) for score in scores] == ["1.0", None, "2.0"]
    file.write_text("row\tdev\teval\tcorpus\tnote\n")
    with pytest.raises(StepError, match="has the columns"):
        read_published(file, scores)


def test_a_row_without_one_of_the_test_sets_is_refused(tmp_path: Path) -> None:
    paths = [
        *write_sets(tmp_path, "a/given/lr-1/seed-1", 1, 2, 3),
        *write_sets(tmp_path, "b/given/lr-1/seed-1", 1, 2, 3),
    ]
    with pytest.raises(StepError, match="aishell1 from a/given, lr 1, seed 1 has no score for test-other"):
        read_scores([path for path in paths if path != paths[2]])
    with pytest.raises(StepError, match="has no score for dev"):
        read_scores(paths[1:])
    with pytest.raises(StepError, match="has no score for test:"):
        read_scores(paths[:1])


@pytest.mark.parametrize(("metric", "name", "title"), [("wer", "WER", "Word"), ("mer", "MER", "Mixed")])
def test_another_error_rate_is_said_to_be_one(tmp_path: Path, metric: str, name: str, title: str) -> None:
    """4 of 40 words: 10 %, whatever the characters are. There are no columns of words beside."""
    unit = {"wer": "word", "mer": "token"}[metric]
    counts = {f"{unit}_substitutions": 2, f"{unit}_deletions": 1, f"{unit}_insertions": 1, f"{unit}s": 40}
    tail = "mandarin/after-800-updates/lr-1/seed-1"
    paths = [write_score(tmp_path, subset, tail, 100, **counts, metric=metric) for subset in ("dev", "test")]
    scores = read_scores(paths)
    lines = markdown(scores, row_labels(scores, LABELS), LABELS, {}).splitlines()
    assert lines[:3] == [
        *(f"| AISHELL-1 | dev {name} | test {name} |", "| --- | ---: | ---: |", "| @800 updates | 10.0 | 10.0 |"),
    ]
    assert lines[4].startswith(f"- {title} error rate in percent on 20 utterances of dev")
    assert ("each character counts, of all others each word" in lines[-1]) == (metric == "mer")
    row = dict(
        zip(CER_COLUMNS, long_table(scores, row_labels(scores, LABELS)).splitlines()[1].split("\t"), strict=True)
    )
    assert (row["metric"], row["substitutions"], row["characters"], row["cer"]) == (metric, "2", "40", "0.1")
    write_score(tmp_path, "test", tail, 100, metric=metric)
    with pytest.raises(StepError, match=f"has no whole number under {unit}_substitutions: remake it"):
        read_scores(paths)
