"""Errors of all branches in two tables, and their pictures."""

import sys
import xml.etree.ElementTree
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from scripts.common.errors import StepError
from scripts.common.tables import read_table
from scripts.evaluate.error_tables import CONFUSION_COLUMNS, RATE_COLUMNS
from scripts.results import plot_errors, tabulate_errors
from scripts.results.plot_errors import draw_confused, draw_group, draw_kinds, name_of
from scripts.results.tabulate import CER_COLUMNS
from scripts.results.tabulate_errors import ALL_CONFUSION_COLUMNS, ALL_RATE_COLUMNS, BRANCH_COLUMNS, COUNTS

PLACE = "results/errors/aishell1/from/mandarin/{}/lr-0.1/seed-{}"
BRANCHES = {  # deletions, insertions, tone; 四 as 十, 十 as 四: of 100 characters, 20 of which are 四 and 10 十
    ("after-0-updates", "1"): (60, 0, 20, 6, 0),
    ("after-10-updates", "1"): (6, 2, 4, 1, 3),
    ("after-10-updates", "2"): (8, 2, 6, 0, 3),
}


def write(folder: Path, rows: list[list[object]] | list[dict[str, object]], name: str, columns: list[str]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)
    return path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with cer.tsv and the errors of three branches."""
    scores = []
    for (checkpoint, seed), (deleted, inserted, tone, one, other) in BRANCHES.items():
        updates = checkpoint.split("-")[1]
        branch = ["aishell1", "mandarin", checkpoint, f"@{updates} updates", updates, "0.1", seed]
        rates, confusions = [], []
        for subset in ("dev", "test"):
            errors = (tone, deleted, inserted)
            score = [*branch, "cer", subset, *errors, 100, 9, sum(errors) / 100]
            scores.append(dict(zip([*BRANCH_COLUMNS, "subset", *COUNTS, "cer"], score, strict=True)))
            rates += [
                [subset, "all", "all", 9, 100, *errors, sum(errors) / 100],
                [subset, "speaker", "S1", 4, 40, tone, 0, 0, tone / 40],
                [subset, "speaker", "S2", 5, 60, 0, deleted, inserted, (deleted + inserted) / 60],
                [subset, "frequency", "0", "", 25, tone, 0, 0, tone / 25],
                [subset, "frequency", "10-99", "", 75, 0, deleted, 0, deleted / 75],
                [subset, "length", "6-10", 8, 199, *errors, sum(errors) / 199],
                [subset, "length", "11-15", 1, 1, 0, 0, 0, 0.0],  # fewer than one in a hundred
                [subset, "speed", "3-4", 9, 100, *errors, sum(errors) / 100],
                [subset, "kind", "tone", "", 100, tone, 0, 0, tone / 100],
                [subset, "kind", "deletion", "", 100, 0, deleted, 0, deleted / 100],
                [subset, "kind", "insertion", "", 100, 0, 0, inserted, inserted / 100],
            ]
            both = [("四", "十", one, 20), ("十", "四", other, 10)]
            confusions += [[subset, "character", *pair] for pair in both if pair[2]]
            both = [("si4", "shi2", one, 20), ("shi2", "si4", other, 10)]
            confusions += [[subset, "pinyin", *pair] for pair in both if pair[2]]
        place = tmp_path / PLACE.format(checkpoint, seed)
        write(place, rates, "rates.tsv", ["subset", *RATE_COLUMNS])
        write(place, confusions, "confusions.tsv", ["subset", *CONFUSION_COLUMNS])
    write(tmp_path / "results", scores, "cer.tsv", CER_COLUMNS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(name: str) -> list[str]:
    return [f"{PLACE.format(*branch)}/{name}" for branch in BRANCHES]


def tabulate(monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, pd.DataFrame]:
    words = ["--scores", "results/cer.tsv", "--errors", *paths("rates.tsv"), *paths("confusions.tsv")]
    words += ["--rates", "rates.tsv", "--confusions", "confusions.tsv"]
    monkeypatch.setattr(sys, "argv", ["tabulate_errors", *words])
    tabulate_errors.main()
    return (
        read_table(Path("rates.tsv"), ALL_RATE_COLUMNS),
        read_table(Path("confusions.tsv"), ALL_CONFUSION_COLUMNS).astype({"count": int}),
    )


def test_one_groupby_follows_the_milestones(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, confusions = tabulate(monkeypatch)
    assert len(rates) == 3 * 2 * 11
    of_test = rates[(rates["subset"] == "test") & (rates["by"] == "kind") & (rates["group"] == "deletion")]
    assert of_test.groupby("updates")["deletions"].apply(list).to_dict() == {"0": ["60"], "10": ["6", "8"]}
    assert list(of_test["row"]) == ["@0 updates", "@10 updates", "@10 updates"]
    pairs = confusions[(confusions["subset"] == "dev") & (confusions["unit"] == "character")]
    shown = pairs.groupby(["reference", "hypothesis", "occurrences"], sort=False)["count"].apply(list).to_dict()
    assert shown == {("四", "十", "20"): [6, 1, 0], ("十", "四", "10"): [0, 3, 3]}


def test_what_is_rare_everywhere_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """十 as 四 is not among the most frequent of the first branch, but of the second; 一 as 七 is of none."""
    file = tree / paths("confusions.tsv")[0]
    file.write_text(file.read_text() + "test\tcharacter\t一\t七\t1\t5\n", encoding="utf-8")
    assert "一" in set(tabulate(monkeypatch)[1]["reference"])
    monkeypatch.setattr(tabulate_errors, "MOST", 1)
    assert set(tabulate(monkeypatch)[1]["reference"]) == {"四", "十", "si4", "shi2"}


def test_a_branch_without_confusions(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in paths("confusions.tsv")[1:]:
        write((tree / file).parent, [], "confusions.tsv", ["subset", *CONFUSION_COLUMNS])
    _, confusions = tabulate(monkeypatch)
    assert set(confusions["reference"]) == {"四", "si4"} and sorted(confusions["count"]) == [0] * 8 + [6] * 4


def test_errors_of_another_transcript_are_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tree / paths("rates.tsv")[1]
    file.write_text(file.read_text().replace("all\tall\t9\t100\t4\t", "all\tall\t9\t100\t5\t", 1))
    with pytest.raises(StepError, match=r"after-10-updates/lr-0.1/seed-1 counts other errors than cer.tsv"):
        tabulate(monkeypatch)
    assert not (tree / "rates.tsv").exists() and not (tree / "confusions.tsv").exists()


def test_a_row_without_errors_of_its_own_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tree / "results/cer.tsv"
    table.write_text(table.read_text().replace("after-0-updates", "after-5-updates"))
    with pytest.raises(StepError, match=r"misheard in @0 updates \(aishell1/from/mandarin/after-5-updates/.*missing"):
        tabulate(monkeypatch)


@pytest.mark.parametrize("name", ["after-10-updates", "best-at-10-updates"])
def test_the_best_checkpoint_has_a_row_of_its_own(tree: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It may be a milestone, or have been fine-tuned for itself."""
    table = tree / "results/cer.tsv"
    lines = [line for line in table.read_text().splitlines(keepends=True) if "after-10-updates" in line]
    best = "".join(line.replace("after-10-updates", "best").replace("@10 updates", "@10 updates*") for line in lines)
    table.write_text(table.read_text() + best)
    for path in map(Path, [*paths("rates.tsv"), *paths("confusions.tsv")]):
        if "after-10" in str(path):
            other = Path(str(path).replace("after-10-updates", name))
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(path.read_bytes())
    if name != "after-10-updates":
        table.write_text("".join(line for line in table.read_text().splitlines(True) if "after-10-updates" not in line))
        monkeypatch.setitem(
            globals(),
            "BRANCHES",
            {(key[0].replace("after-10-updates", name), key[1]): value for key, value in BRANCHES.items()},
        )
    rates = tabulate(monkeypatch)[0]
    of_best = rates[(rates["checkpoint"] == "best") & (rates["by"] == "all") & (rates["subset"] == "test")]
    assert of_best[["row", "updates", "deletions"]].values.tolist() == [["@10 updates*", "10", n] for n in ("6", "8")]


def of_test(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["subset"] == "test"]


@pytest.fixture
def axes() -> plt.Axes:
    figure, axes = plt.subplots()
    plt.close(figure)
    return axes


def test_bars_are_as_long_as_the_error_rate(tree: Path, monkeypatch: pytest.MonkeyPatch, axes: plt.Axes) -> None:
    """Of two seeds together: 14 + 4 + 10 errors in 200 characters."""
    draw_kinds(axes, of_test(tabulate(monkeypatch)[0]))
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axes.containers}
    assert widths == {"missing": [60, 7], "too many": [0, 2], "other tone": [20, 5]}
    assert [text.get_text() for text in axes.texts] == [" 80.0", " 14.0"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["@0 updates", "@10 updates"]


def test_of_many_speakers_some_are_drawn(tree: Path, monkeypatch: pytest.MonkeyPatch, axes: plt.Axes) -> None:
    monkeypatch.setattr(plot_errors, "SPEAKERS", 1)
    draw_group(axes, of_test(tabulate(monkeypatch)[0]), "speaker")
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[50, 12.5]]


def test_lines_by_group(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = of_test(tabulate(monkeypatch)[0])
    shown = {}
    for by in ("frequency", "length", "speaker"):
        figure, axes = plt.subplots()
        draw_group(axes, rates, by)
        plt.close(figure)
        shown[by] = {line.get_label(): [round(y, 2) for y in line.get_ydata()] for line in axes.get_lines()}
    assert shown["frequency"] == {"0 (25 %)": [80, 20], "10-99 (75 %)": [80, 9.33]}
    assert list(shown["length"]) == ["6-10 (99.5 %)"]
    assert list(shown["speaker"].values()) == [[50, 12.5], [100, 15]]


def test_confusions_along_the_rows(tree: Path, monkeypatch: pytest.MonkeyPatch, axes: plt.Axes) -> None:
    """si4 was said 20 times, shi2 10 times; the numbers are means over the seeds that there are."""
    draw_confused(axes, of_test(tabulate(monkeypatch)[1]))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["si4 → shi2", "shi2 → si4"]
    assert [text.get_text() for text in axes.texts] == ["6", "0.5", "0", "3"]
    assert axes.images[0].get_array().tolist() == [[0.3, 0.025], [0, 0.3]]


def test_characters_of_a_language_without_pinyin(axes: plt.Axes) -> None:
    """What is too many was never said: its share is that of all that is drawn."""
    same = dict.fromkeys(ALL_CONFUSION_COLUMNS, "1") | {"unit": "character", "row": "@0 updates", "metric": "cer"}
    pairs = [("é", "ж", 4, "8"), ("好", "", 3, "4"), ("", "a", 1, "")]
    rows = [same | dict(zip(ALL_CONFUSION_COLUMNS[-5:-1], pair, strict=True)) for pair in pairs]
    draw_confused(axes, pd.DataFrame(rows, columns=ALL_CONFUSION_COLUMNS))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["é → ж", "U+597D → nothing", "nothing → a"]
    assert axes.images[0].get_array().tolist() == [[0.5], [0.75], [0.125]]


def test_without_speakers_and_without_errors(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many speakers are not listed; of a task in which nothing is wrong nothing is confused."""
    rates, confusions = tabulate(monkeypatch)
    rates[rates["by"] != "speaker"].to_csv("rates.tsv", sep="\t", index=False)
    confusions[:0].to_csv("confusions.tsv", sep="\t", index=False)
    assert draw_all("few", monkeypatch) == {"kinds.svg", "groups.svg", "confused.svg"}


def draw_all(folder: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Run the command; the names of what it has made."""
    words = f"--rates rates.tsv --confusions confusions.tsv --pictures {folder}/kinds.svg {folder}/groups.svg"
    monkeypatch.setattr(sys, "argv", ["plot_errors", *words.split(), f"{folder}/confused.svg"])
    plot_errors.main()
    return {path.name for path in Path(folder).iterdir()}


@pytest.mark.parametrize(
    ("unit", "name"), [("", "nothing"), ("lv4", "lv4"), ("ß", "ß"), ("好", "U+597D"), ("ж", "ж"), ("𠀀", "U+20000")]
)
def test_names_are_never_boxes(unit: str, name: str) -> None:
    assert name_of(unit) == name


@pytest.mark.slow
def test_same_tables_same_pictures(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tabulate(monkeypatch)
    pictures = []
    for name in ("first", "second"):
        draw_all(name, monkeypatch)
        pictures.append({path.name: path.read_bytes() for path in (tree / name).iterdir()})
    assert pictures[0] == pictures[1] and len(pictures[0]) == 3
    for picture in pictures[0].values():
        assert xml.etree.ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<dc:date>" not in picture


def test_a_job_a_subset_tells_the_same(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a task has several test sets, what was misheard lies in a folder a subset."""
    together = tabulate(monkeypatch)
    for file in map(Path, [*paths("rates.tsv"), *paths("confusions.tsv")]):
        head, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        for subset in ("dev", "test"):
            (file.parent / subset).mkdir(exist_ok=True)
            own = [line for line in lines if line.startswith(f"{subset}\t")]
            (file.parent / subset / file.name).write_text("".join([head, *own]), encoding="utf-8")
    of_subsets = [
        str(Path(path).parent / subset / Path(path).name) for path in paths("{}") for subset in ("dev", "test")
    ]
    monkeypatch.setitem(globals(), "paths", lambda name: [path.format(name) for path in of_subsets])
    apart = tabulate(monkeypatch)
    for one, other in zip(together, apart, strict=True):
        pd.testing.assert_frame_equal(one, other)
    monkeypatch.setitem(globals(), "paths", lambda name: [path.format(name) for path in of_subsets[:-1]])
    with pytest.raises(StepError, match=r"seed-2/dev counts other errors than cer.tsv"):
        tabulate(monkeypatch)


def test_each_test_set_is_drawn(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, _ = tabulate(monkeypatch)
    other = rates[rates["subset"] == "test"].assign(subset="test-other")
    titles = []
    plot_errors.save(
        pd.concat([rates, other]), tree / "kinds.svg", {"kinds": lambda axes, part: titles.append(axes)}, (2, 2)
    )
    assert [axes.get_title() for axes in titles] == ["test: kinds", "test-other: kinds"]
    draw_kinds(titles[1], other)
    assert titles[1].get_xlabel() == "errors in a hundred characters of test-other"
