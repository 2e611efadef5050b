"""Draw error rates against updates of pre-training."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from scripts.common.errors import StepError, exit_on_error
from scripts.common.tables import read_table
from scripts.common.users import DEV
from scripts.evaluate.metrics import METRICS
from scripts.results.style import COLOURS, lines_across, logarithmic, readable, write
from scripts.results.tabulate import CER_COLUMNS

GREYS = ["#444444", "#8A6D3B", "#7F7F7F"]
DEV_STYLE = {"linestyle": ":", "marker": "o", "markerfacecolor": "white"}
TEST_STYLES = [  # of the first test set, and of further ones
    {"linestyle": "-", "marker": "s"},
    {"linestyle": "--", "marker": "^"},
    {"linestyle": "-.", "marker": "P"},
    {"linestyle": (0, (8, 2)), "marker": "v"},
]
DEV_LEVEL = (0, (2, 3))  # short dashes
TEST_LEVELS = [(0, (7, 3)), (0, (7, 2, 2, 2)), (0, (7, 2, 1, 2, 1, 2)), (0, (12, 3))]  # long dashes


@dataclass(frozen=True)
class Series:
    """Scores of a subset that make one line: cer.tsv as `numeric` returns it. The name is empty for the only model.
    `test`: which test set it is, from 0; -1 for dev.
    """

    name: str
    subset: str
    scores: pd.DataFrame
    test: int

    def means(self) -> pd.DataFrame:
        """Mean over seeds by checkpoint, sorted by updates: columns checkpoint, updates, percent."""
        means = self.scores.groupby(["checkpoint", "updates"], dropna=False)["percent"].mean().reset_index()
        return means.sort_values(["updates", "checkpoint"], ignore_index=True)


def numeric(table: pd.DataFrame) -> pd.DataFrame:
    """cer.tsv with `percent` (0 to 100 and beyond), `low`, `high` and `published` in percent, too, and `updates` as
    numbers; NaN: there is no interval, nothing was published, or a checkpoint that was given.
    """
    low, high = (100 * pd.to_numeric(table[side].replace("", None)) for side in ("low", "high"))
    updates, published = (pd.to_numeric(table[name].replace("", None)) for name in ("updates", "published"))
    percent = 100 * table["cer"].astype(float)
    return table.assign(percent=percent, updates=updates, low=low, high=high, published=published)


def split_series(table: pd.DataFrame) -> tuple[list[Series], list[Series]]:
    """Curves (rows `... @N updates`) and levels (rows named by their label alone) of a task, dev before test sets.

    A curve is a model at a learning rate; the rate stands in the name where there are several.
    """
    rates = table["learning_rate"].nunique() > 1
    shown = table["row"].str.extract(r"^(?P<name>.*?) ?(?P<at>@\S+ updates\*?)?$")
    keyed = table.assign(name=shown["name"], curve=shown["at"].notna())
    curves: list[Series] = []
    levels: list[Series] = []
    subsets = [DEV, *(subset for subset in table["subset"].unique() if subset != DEV)]
    for (curve, name, rate), group in keyed.groupby(["curve", "name", "learning_rate"], sort=False):
        title = ", ".join([name] * bool(name) + [f"lr {rate}"] * rates)
        for test, subset in enumerate(subsets, -1):
            scores = group[group["subset"] == subset]
            if not scores.empty:
                (curves if curve else levels).append(Series(title, subset, scores, test))
    return curves, levels


def draw_curve(axes: Axes, series: Series, colour: str) -> None:
    """The means as a line, the seeds as faint points, a star on the checkpoint with the lowest validation loss; of one
    seed its interval over speakers as a faint bar.
    """
    means = series.means()
    is_best = means["checkpoint"] == "best"
    # The best checkpoint may be a milestone as well: two fine-tunings at one place, of which the line takes one.
    line = means[~(is_best & means["updates"].isin(means.loc[~is_best, "updates"]))]
    style = {"color": colour, "linewidth": 2, "markersize": 7} | _style(series, DEV_STYLE, TEST_STYLES)
    axes.plot(line["updates"], line["percent"], label=_title(series), zorder=3, **style)
    if series.scores["seed"].nunique() > 1:
        axes.scatter(
            series.scores["updates"], series.scores["percent"], s=14, color=colour, alpha=0.3, linewidths=0, zorder=2
        )
    else:
        scores = series.scores.dropna(subset=["low", "high"]).drop_duplicates(["updates", "low", "high"])
        points = 6 * series.test + 3  # so that their intervals do not hide one another
        beside = ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
        style = {"color": colour, "linewidth": 3, "alpha": 0.45, "zorder": 2, "transform": axes.transData + beside}
        axes.vlines(scores["updates"], scores["low"], scores["high"], **style)
    draw_published(axes, series, colour)
    best = means[is_best]
    axes.scatter(best["updates"], best["percent"], s=230, marker="*", color=colour, edgecolors="black", zorder=4)


def draw_level(axes: Axes, series: Series, colour: str) -> None:
    """A model that is no point on the way: its mean over seeds as a dashed line across; of one seed its interval over
    speakers as a faint band, but for dev.
    """
    level, low, high = series.scores[["percent", "low", "high"]].mean()
    if len(series.scores) == 1 and series.subset != DEV and low <= high:
        axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0, zorder=0)
    draw_published(axes, series, colour, at_edge=True)
    dashes = _style(series, DEV_LEVEL, TEST_LEVELS)
    axes.axhline(level, color=colour, linewidth=1.6, linestyle=dashes, label=_title(series), zorder=1)


def _style(series: Series, of_dev: Any, of_tests: Sequence[Any]) -> Any:
    return of_tests[series.test % len(of_tests)] if series.test >= 0 else of_dev


def draw_published(axes: Axes, series: Series, colour: str, at_edge: bool = False) -> None:
    """What was published for these rows, as open diamonds: at their updates, or of a level at the right edge."""
    scores = series.scores.dropna(subset=["published"]).drop_duplicates("checkpoint")
    if scores.empty:
        return
    places, style = scores["updates"], {"linestyle": "", "marker": "D", "markersize": 9, "markerfacecolor": "none"}
    style |= {"markeredgecolor": colour, "markeredgewidth": 1.6, "zorder": 5}
    if at_edge:
        places, style = [1.0] * len(scores), style | {"transform": axes.get_yaxis_transform(), "clip_on": False}
    axes.plot(places, scores["published"], **style)


def _title(series: Series) -> str:
    return f"{readable(series.name)}, {series.subset}" if series.name else series.subset


def draw_task(axes: Axes, table: pd.DataFrame) -> None:
    """All of one task, with axes and legend."""
    curves, levels = split_series(table)
    # One model: a colour a subset. Several: a colour a model, and the style tells the subsets apart.
    names, others = (list(dict.fromkeys(series.name for series in of_kind)) for of_kind in (curves, levels))
    for series in curves:
        colour = names.index(series.name) if len(names) > 1 else series.test + 1
        draw_curve(axes, series, COLOURS[colour % len(COLOURS)])
    for series in levels:
        draw_level(axes, series, GREYS[others.index(series.name) % len(GREYS)])
    shown = table[["percent", "low", "high", "published"]]
    if table["percent"].min() > 0:  # factors count: the way from 30 to 15 is as far as that from 6 to 3
        logarithmic(axes)
        axes.set_ylim(0.85 * shown.min(axis=None), 1.15 * shown.max(axis=None))
    else:
        axes.set_ylim(0, 1.05 * max(shown.max(axis=None), 1))
    lines_across(axes)
    axes.set_ylabel(f"{METRICS[table['metric'].iloc[0]].title} (%)")
    axes.set_xlabel("updates of pre-training")
    axes.xaxis.set_major_formatter(lambda updates, _: _tick(updates))
    handles, _ = axes.get_legend_handles_labels()
    if table["published"].notna().any():
        diamond = {"marker": "D", "markersize": 9, "linestyle": "", "markerfacecolor": "none"}
        handles.append(Line2D([], [], label="published", markeredgecolor="#444444", **diamond))
    if (table["checkpoint"] == "best").any():
        star = {"marker": "*", "markersize": 15, "linestyle": "", "color": "white", "markeredgecolor": "black"}
        handles.append(Line2D([], [], label="lowest validation loss", **star))
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, frameon=False)


def _tick(updates: float) -> str:
    if updates == 0:
        return "0\nrandom\ninitialisation"
    return f"{updates / 1000:g}k" if updates >= 10_000 else f"{updates:g}"


def draw(table: pd.DataFrame) -> Figure:
    """The figure for all of cer.tsv, a panel a task."""
    tasks = [(task, rows) for task, rows in numeric(table).groupby("task", sort=False)]
    figure, panels = plt.subplots(len(tasks), figsize=(8, 5.6 * len(tasks)), squeeze=False, layout="constrained")
    for axes, (task, rows) in zip(panels.flat, tasks, strict=True):
        draw_task(axes, rows)
        if len(tasks) > 1:
            axes.set_title(task)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="cer.tsv")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, .svg")
    arguments = parser.parse_args()
    table = read_table(arguments.table, CER_COLUMNS)
    if table.empty:
        raise StepError(f"{arguments.table} has no scores: tabulate again")
    write(arguments.output, lambda: draw(table), "cer-by-updates")


if __name__ == "__main__":
    exit_on_error(main)
