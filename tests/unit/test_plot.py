"""The curve: which scores become which lines, and a picture with the same bytes each time."""

import io
import sys
import warnings
import xml.etree.ElementTree
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from scripts.common.errors import StepError
from scripts.results.plot import draw, main, numeric, split_series
from scripts.results.tabulate import CER_COLUMNS


def scored(model: str, checkpoint: str, row: str, updates: str, cer: float, **changed: str) -> list[dict[str, str]]:
    """A row of dev and, 0.1 higher, one of test."""
    same = dict.fromkeys(CER_COLUMNS, "1") | {"task": "aishell1", "learning_rate": "0.0002", "metric": "cer"}
    same |= {"published": ""}
    same |= {"model": model, "checkpoint": checkpoint, "row": row, "updates": updates} | changed
    return [same | {"subset": "dev", "cer": str(cer)}, same | {"subset": "test", "cer": str(cer + 0.1)}]


def run_rows() -> list[dict[str, str]]:
    return [
        *scored("mandarin", "after-50000-updates", "@50k updates", "50000", 0.25, seed="1"),
        *scored("mandarin", "after-50000-updates", "@50k updates", "50000", 0.5, seed="2"),
        *scored("mandarin", "after-0-updates", "@0 updates", "0", 0.75),
        *scored("mandarin", "best", "@40321 updates*", "40321", 0.125),
        *scored("english", "given", "Wav2vec2.0(English)", "", 0.375),
    ]


def table(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=CER_COLUMNS)


def test_curves_are_means_over_seeds_in_the_order_of_updates() -> None:
    curves, levels = split_series(numeric(table(run_rows())))
    assert [(series.name, series.subset) for series in curves] == [("", "dev"), ("", "test")]
    assert [(series.name, series.subset) for series in levels] == [
        ("Wav2vec2.0(English)", "dev"),
        ("Wav2vec2.0(English)", "test"),
    ]
    means = curves[0].means()
    assert list(means["updates"]) == [0, 40321, 50000]
    assert list(means["percent"]) == [75.0, 12.5, 37.5]
    assert list(levels[1].scores["percent"]) == pytest.approx([47.5])


def test_models_and_learning_rates_are_told_apart() -> None:
    rows = [
        *scored("tibetan", "after-800-updates", "tibetan @800 updates", "800", 0.5),
        *scored("uyghur", "after-800-updates", "uyghur @800 updates", "800", 0.5),
        *scored("uyghur", "after-800-updates", "uyghur @800 updates", "800", 0.25, learning_rate="0.002"),
    ]
    curves, levels = split_series(numeric(table(rows)))
    assert [series.name for series in curves[::2]] == ["tibetan, lr 0.0002", "uyghur, lr 0.0002", "uyghur, lr 0.002"]
    assert levels == []


def drawn(rows: list[dict[str, str]]) -> plt.Axes:
    figure = draw(table(rows))
    plt.close(figure)
    return figure.axes[0]


def test_what_is_drawn() -> None:
    axes = drawn(run_rows())
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines) == ["dev", "test", "Wav2vec2.0(English), dev", "Wav2vec2.0(English), test"]
    assert list(lines["test"].get_xdata()) == [0, 40321, 50000]
    assert list(lines["test"].get_ydata()) == pytest.approx([85, 22.5, 47.5])
    assert list(lines["Wav2vec2.0(English), dev"].get_ydata()) == pytest.approx([37.5, 37.5])
    looks = {(line.get_color(), str(line.get_linestyle()), str(line.get_marker())) for line in lines.values()}
    assert len({(style, marker) for _, style, marker in looks}) >= 3, "told apart by more than colour"
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "lowest validation loss"
    assert "random" in axes.xaxis.get_major_formatter()(0, 0)


def test_a_best_checkpoint_at_a_milestone_leaves_the_line_alone() -> None:
    rows = [*run_rows(), *scored("mandarin", "after-40321-updates", "@40321 updates", "40321", 0.25)]
    dev = drawn(rows).get_lines()[0]
    assert list(dev.get_xdata()) == [0, 40321, 50000]
    assert list(dev.get_ydata()) == [75.0, 25.0, 37.5]


def test_a_panel_for_each_task() -> None:
    figure = draw(table([*run_rows(), *scored("mandarin", "after-0-updates", "@0 updates", "0", 0.5, task="other")]))
    plt.close(figure)
    assert [axes.get_title() for axes in figure.axes] == ["aishell1", "other"]


def plot(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, str]], folder: Path, name: str) -> Path:
    output = folder / name
    table(rows).to_csv(folder / "cer.tsv", sep="\t", index=False)
    monkeypatch.setattr(sys, "argv", ["plot", "--table", str(folder / "cer.tsv"), "--output", str(output)])
    main()
    return output


def test_same_table_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = plot(monkeypatch, run_rows(), tmp_path, "first.svg").read_bytes()
    assert first == plot(monkeypatch, run_rows(), tmp_path, "second.svg").read_bytes()
    assert xml.etree.ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<dc:date>" not in first


def test_a_table_without_scores_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="has no scores"):
        plot(monkeypatch, [], tmp_path, "empty.svg")


@pytest.mark.parametrize(("seeds", "bars"), [(["1"], 1), (["1", "2"], 0)])
def test_of_one_seed_the_interval_is_a_bar(seeds: list[str], bars: int) -> None:
    """From `low` to `high` in percent, where there is one; on dev and on test."""
    interval = {"low": "0.2", "high": "0.3"}
    rows = [row for s in seeds for row in scored("m", "after-0-updates", "@0 updates", "0", 0.25, seed=s, **interval)]
    rows += scored("m", "after-9-updates", "@9 updates", "9", 0.25, low="", high="")
    figure = draw(table(rows))
    (axes,) = figure.axes
    found = [lines.get_segments() for lines in axes.collections if isinstance(lines, LineCollection)]
    plt.close(figure)
    assert [[line.tolist() for line in lines] for lines in found] == [[[[0.0, 20.0], [0.0, 30.0]]]] * 2 * bars


def test_each_test_set_has_a_line_that_is_told_apart_by_more_than_colour() -> None:
    rows = run_rows()
    rows += [
        row | {"subset": "test-other", "cer": str(float(row["cer"]) + 0.1)} for row in rows if row["subset"] == "test"
    ]
    lines = {line.get_label(): line for line in drawn(rows).get_lines()}
    english = [f"Wav2vec2.0(English), {subset}" for subset in ("dev", "test", "test-other")]
    assert list(lines) == ["dev", "test", "test-other", *english]
    assert list(lines["test-other"].get_ydata()) == pytest.approx([95, 32.5, 57.5])
    assert len({(str(lines[name].get_linestyle()), lines[name].get_marker()) for name in list(lines)[:3]}) == 3
    assert len({lines[name].get_color() for name in list(lines)[:3]}) == 3
    assert {lines[name].get_color() for name in english} == {lines[english[0]].get_color()}


def test_the_axis_says_what_is_counted() -> None:
    assert drawn(run_rows()).get_ylabel() == "character error rate (%)"
    assert drawn([row | {"metric": "wer"} for row in run_rows()]).get_ylabel() == "word error rate (%)"


def test_published_numbers_stand_where_their_rows_do() -> None:
    """Open diamonds: at the updates of a milestone, at the right edge for a model that is no point on the way."""
    rows = scored("m", "after-0-updates", "@0 updates", "0", 0.75, published="")
    rows += scored("m", "after-50000-updates", "@50k updates", "50000", 0.25, published="6.7")
    rows += scored("m", "best", "@40321 updates*", "40321", 0.25, published="5.5")
    rows += scored("english", "given", "Wav2vec2.0(English)", "", 0.375, published="9.1")
    axes = drawn(rows)
    found = [line for line in axes.get_lines() if line.get_marker() == "D"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in found] == [
        *[([50000, 40321], [6.7, 5.5])] * 2,
        *[([1.0], [9.1])] * 2,
    ]
    assert len({line.get_markeredgecolor() for line in found}) == 3, "a colour a subset, and one of the level"
    assert all(line.get_markerfacecolor() == "none" for line in found)
    assert [text.get_text() for text in axes.get_legend().get_texts()].count("published") == 1


@pytest.mark.parametrize(("seeds", "bands"), [(["1"], 1), (["1", "2"], 0)])
def test_the_interval_of_a_level_is_a_band(seeds: list[str], bands: int) -> None:
    """That of test, of one seed."""
    interval = {"low": "0.2", "high": "0.3"}
    rows = [row for seed in seeds for row in scored("e", "given", "English", "", 0.25, seed=seed, **interval)]
    found = [patch for patch in drawn(rows).patches if patch.get_alpha() == 0.1]
    assert [(patch.get_y(), patch.get_height()) for patch in found] == [(20.0, pytest.approx(10.0))] * bands


@pytest.mark.parametrize(("cer", "scale"), [(0.05, "log"), (0.0, "linear")])
def test_factors_count_but_where_nothing_is_wrong(cer: float, scale: str) -> None:
    """All that is drawn lies within the axes."""
    rows = scored("m", "after-0-updates", "@0 updates", "0", 0.5, low="0.4", high="0.9", published="31")
    rows += scored("m", "after-9-updates", "@9 updates", "9", cer, low="0.04" if cer else "", high="", published="2")
    axes = drawn(rows)
    low, high = axes.get_ylim()
    assert axes.get_yscale() == scale and low < 2 and high > 90


def test_labels_are_never_boxes() -> None:
    """matplotlib warns of each letter that its font has not."""
    rows = scored("m", "after-0-updates", "中文 @0 updates", "0", 0.5) + scored("e", "given", "英语模型 é", "", 0.25)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(table(rows))
        figure.savefig(io.BytesIO(), format="svg")
    plt.close(figure)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    names = ["U+4E2DU+6587", "U+82F1U+8BEDU+6A21U+578B é"]
    assert labels == [f"{name}, {subset}" for name in names for subset in ("dev", "test")]
