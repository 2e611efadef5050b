"""Draw what is misheard along the milestones: kinds of errors, error rates by groups, and what is confused most."""

import argparse
import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from scripts.common.errors import StepError, exit_on_error
from scripts.common.tables import read_table
from scripts.common.users import DEV
from scripts.evaluate.error_tables import first_of
from scripts.evaluate.metrics import METRICS
from scripts.results.style import readable, write
from scripts.results.tabulate_errors import ALL_CONFUSION_COLUMNS, ALL_RATE_COLUMNS

Draw = Callable[[Axes, pd.DataFrame], None]

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/); no two of one hue lie side by side.
KINDS = {
    "deletion": ("missing", "#0072B2"),
    "insertion": ("too many", "#56B4E9"),
    "homophone": ("same sound", "#F0E442"),
    "tone": ("other tone", "#E69F00"),
    "initial": ("other initial", "#009E73"),
    "final": ("other final", "#CC79A7"),
    "syllable": ("other syllable", "#D55E00"),
    "substitution": ("another", "#555555"),
}
GROUPS = {
    "frequency": "how often the {unit} occurs in the training data",
    "length": "{unit}s of the utterance",
    "speed": "{unit}s a second",
    "speaker": "a line a speaker",
}
SMALL = 0.01  # the share of the characters below which a group is not drawn, but for rare characters
SPEAKERS = 50  # are drawn at most
MARKERS = "osD^vP*X<>"
PAIRS = 20


def of_rows(table: pd.DataFrame, of: list[str], counts: list[str]) -> pd.DataFrame:
    """Sums over seeds by `place` (of a row in the table, from 0), `label` (of the row) and `of`; `seeds` of the row."""
    rates = table["learning_rate"].nunique() > 1
    label = table["row"] + (", lr " + table["learning_rate"] if rates else "")
    model = table["model"] + " " + table["learning_rate"]
    label = label.map(readable)
    placed = table.assign(label=label, curve=model, place=pd.factorize(label)[0])
    placed["seeds"] = placed.groupby("place")["seed"].transform("nunique")
    placed[counts] = placed[counts].astype(int)
    return placed.groupby(["place", "label", "curve", "seeds", *of], sort=False, as_index=False)[counts].sum()


def rate_table(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """`percent` by row and group."""
    counts = ["characters", "substitutions", "deletions", "insertions"]
    sums = of_rows(table[table["by"] == by], ["group"], counts)
    return sums.assign(percent=100 * sums[counts[1:]].sum(axis=1) / sums["characters"])


def unit_of(table: pd.DataFrame) -> str:
    """What was counted in a task: character, word or token."""
    return METRICS[table["metric"].iloc[0]].unit


def draw_kinds(axes: Axes, table: pd.DataFrame) -> None:
    """A bar a row of the table, as long as its CER."""
    rates = rate_table(table, "kind")
    bars = rates.pivot(index="place", columns="group", values="percent")
    ends = pd.Series(0.0, index=bars.index)
    for kind, (label, colour) in KINDS.items():
        if kind in bars and bars[kind].any():
            axes.barh(bars.index, bars[kind], left=ends, color=colour, label=label, edgecolor="white", linewidth=0.8)
            ends = ends + bars[kind]
    for place, end in ends.items():
        axes.text(end, place, f" {end:.1f}", va="center")
    axes.set_yticks(bars.index, rates.drop_duplicates("place")["label"])
    axes.invert_yaxis()
    axes.set_xlabel(f"errors in a hundred {unit_of(table)}s of {table['subset'].iloc[0]}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.04, 1), frameon=False)


def draw_group(axes: Axes, table: pd.DataFrame, by: str) -> None:
    """A line a group; of speakers the lines have no names."""
    rates = rate_table(table, by)
    characters = rates.drop_duplicates("group").set_index("group")["characters"]
    shares = characters / characters.sum()
    names = sorted(characters.index, key=first_of if by != "speaker" else str)
    names = [name for name in names if by in ("frequency", "speaker") or shares[name] >= SMALL]
    names = names[:: math.ceil(len(names) / SPEAKERS) or 1]
    colours = plt.get_cmap("cividis")
    for number, name in enumerate(names):
        style = {"color": colours(0.9 * number / max(len(names) - 1, 1)), "marker": MARKERS[number % len(MARKERS)]}
        style |= {"linewidth": 1.8, "label": f"{name} ({100 * shares[name]:.3g} %)"}
        if by == "speaker":
            style = {"color": "#0072B2", "alpha": 0.35, "marker": ".", "linewidth": 1.2}
        for _, line in rates[rates["group"] == name].groupby("curve", sort=False):
            axes.plot(line["place"], line["percent"], **style)
            style.pop("label", None)
    name_rows(axes, rates)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_ylabel(f"errors in {table['subset'].iloc[0]} (%)")
    if by != "speaker":
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=10)


def name_of(unit: str) -> str:
    """A character or syllable where the font has its letters; else the code points, never boxes."""
    known = get_font(findfont("DejaVu Sans"))
    if all(known.get_char_index(ord(letter)) for letter in unit):
        return unit or "nothing"
    return " ".join(f"U+{ord(letter):04X}" for letter in unit)


def draw_confused(axes: Axes, table: pd.DataFrame) -> None:
    """How often the pairs were confused that are most frequent, a column a row of the table; a mean over seeds. Pairs
    are of syllables where there are any, else of what was counted. The darker, the larger a share of what was said.
    """
    pairs = table[table["unit"] == ("pinyin" if (table["unit"] == "pinyin").any() else unit_of(table))]
    pairs = pairs.assign(occurrences=pd.to_numeric(pairs["occurrences"].replace("", "0")))
    sums = of_rows(pairs, ["reference", "hypothesis", "occurrences"], ["count"])
    sums["count"] /= sums["seeds"]
    cells = sums.pivot(index=["reference", "hypothesis", "occurrences"], columns="place", values="count")
    cells = cells.loc[cells.sum(axis=1).nlargest(PAIRS).index]
    said = cells.index.get_level_values("occurrences").to_numpy()
    shares = cells.to_numpy() / np.where(said > 0, said, cells.to_numpy().sum())[:, None]  # 0: it was never said
    axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 * shares.max() else "black"
        axes.text(column, row, f"{cells.iat[row, column]:.3g}", ha="center", va="center", color=colour)
    axes.set_yticks(range(len(cells)), [f"{name_of(one)} → {name_of(other)}" for one, other, _ in cells.index])
    name_rows(axes, sums)
    axes.tick_params(length=0)


def name_rows(axes: Axes, sums: pd.DataFrame) -> None:
    """The rows of the table below the panel."""
    rows = sums.drop_duplicates("place")
    axes.set_xticks(rows["place"], rows["label"], rotation=30, ha="right", rotation_mode="anchor")


def save(table: pd.DataFrame, path: Path, panels: dict[str, Draw], size: tuple[float, float]) -> None:
    """Write a picture with these panels for each test set of each task (the tables have dev, too), at most two in a
    row; `size` in inches of one.
    """
    write(path, lambda: draw_sets(table, panels, size), path.name)


def draw_sets(table: pd.DataFrame, panels: dict[str, Draw], size: tuple[float, float]) -> Figure:
    """The figure of `save`."""
    sets = list(table[table["subset"] != DEV].groupby(["task", "subset"], sort=False))
    if not sets:
        sets, panels = [(("", ""), table)], {"nothing was misheard": lambda axes, _: axes.set_axis_off()}
    tasks = Counter(task for (task, _), _ in sets)
    columns = min(len(panels), 2)
    rows = len(sets) * len(panels) // columns
    figsize = (size[0] * columns, size[1] * rows)
    figure, grid = plt.subplots(rows, columns, figsize=figsize, squeeze=False, layout="constrained")
    drawn = [(one, *panel) for one in sets for panel in panels.items()]
    for axes, (((task, test), of_set), title, draw) in zip(grid.flat, drawn, strict=True):
        draw(axes, of_set)
        title = title.format(unit=unit_of(of_set)) if len(of_set) else title
        names = [task] * (len(tasks) > 1) + [test] * (tasks[task] > 1)
        axes.set_title(": ".join([", ".join(names)] * bool(names) + [title]), fontsize=12)
    return figure


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=Path, required=True, help="results/errors/rates.tsv")
    parser.add_argument("--confusions", type=Path, required=True, help="results/errors/confusions.tsv")
    parser.add_argument(
        "--pictures", type=Path, nargs=3, required=True, help="to write, .svg: kinds, groups, what is confused"
    )
    arguments = parser.parse_args()
    kinds, groups, confused = arguments.pictures
    rates = read_table(arguments.rates, ALL_RATE_COLUMNS)
    confusions = read_table(arguments.confusions, ALL_CONFUSION_COLUMNS)
    if rates.empty:
        raise StepError(f"{arguments.rates} has no errors of any branch: tabulate_errors again")
    save(rates, kinds, {"kinds of errors": draw_kinds}, (10, 4.5))
    save(rates, groups, {title: partial(draw_group, by=by) for by, title in GROUPS.items()}, (6, 4))
    save(confusions, confused, {"what is confused most": draw_confused}, (9, 7))


if __name__ == "__main__":
    exit_on_error(main)
