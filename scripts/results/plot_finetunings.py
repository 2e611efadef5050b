"""Draw the curves of all fine-tunings: error rate and loss of dev, and loss of training, by epochs."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.common.errors import StepError, exit_on_error
from scripts.common.tables import read_table
from scripts.reruns.parts import match
from scripts.results.style import COLOURS, lines_across, logarithmic, readable, write
from scripts.results.tabulate import CER_COLUMNS
from scripts.trainers import espnet_log
from scripts.trainers.espnet_log import Epoch

PANELS = {
    "character error rate of dev (%)": "valid_cer",
    "loss of dev": "valid_loss",
    "loss of training": "train_loss",
}
# Beside the colours, which come back after six rows: the second and the third six of them.
LOOKS = [
    {"linestyle": "-", "marker": "o"},
    {"linestyle": (0, (5, 2)), "marker": "^"},
    {"linestyle": (0, (1, 1.2)), "marker": "s"},
]


class Training(NamedTuple):
    """A fine-tuning: its task, the row of the table that was made from it, and its epochs."""

    task: str
    row: str
    epochs: list[Epoch]


def trainings(scores: pd.DataFrame, paths: Sequence[Path]) -> Iterator[Training]:
    """What the curves say, in their order. A checkpoint that is a milestone and the best goes by its row as the former.

    Raises StepError for a path that is none of a fine-tuning, or that no row of cer.tsv was made from.
    """
    keys = ["task", "model", "checkpoint", "learning_rate", "seed"]
    several_rates = scores.groupby("task")["learning_rate"].nunique() > 1
    rows = scores.drop_duplicates(keys).set_index(keys)["row"].to_dict()
    for path in paths:
        part = match("epochs", path.with_name("epochs").as_posix())
        branch = tuple(part[name] for name in ("task", "model", "checkpoint", "lr", "seed")) if part else ()
        if branch not in rows:
            raise StepError(f"{path} is the curve of no row of the table: start again")
        rate = f", lr {part['lr']}" if several_rates[part["task"]] else ""
        yield Training(part["task"], rows[branch] + rate, espnet_log.read_table(path))


def known(epochs: Sequence[Epoch], name: str) -> list[tuple[int, float]]:
    """Epochs and values of what was said, and can be drawn on a logarithmic scale; error rates in percent."""
    scale = 100 if name == "valid_cer" else 1
    values = [(epoch.epoch, getattr(epoch, name)) for epoch in epochs]
    return [(number, scale * value) for number, value in values if value is not None and 0 < value < float("inf")]


def draw_panel(axes: Axes, of_task: Sequence[Training], title: str, name: str) -> None:
    """A line a fine-tuning; seeds of a row look alike."""
    looks = {row: number for number, row in enumerate(dict.fromkeys(training.row for training in of_task))}
    seeds = len(of_task) > len(looks)
    for training in of_task:
        points, number = known(training.epochs, name), looks[training.row]
        style = {"color": COLOURS[number % len(COLOURS)], "linewidth": 1.8, "alpha": 0.6 if seeds else 1}
        style |= LOOKS[number // len(COLOURS) % len(LOOKS)]
        style |= {"markersize": 5, "markevery": max(len(points) // 8, 1)}
        axes.plot([place for place, _ in points], [value for _, value in points], label=readable(training.row), **style)
    logarithmic(axes)
    axes.xaxis.get_major_locator().set_params(integer=True)
    lines_across(axes)
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)


def draw(found: Sequence[Training]) -> Figure:
    """The figure: a line of panels for each task, with its rows beside."""
    tasks = list(dict.fromkeys(training.task for training in found)) or [""]
    figure = plt.figure(figsize=(13, 4.2 * len(tasks)), layout="constrained")
    parts = figure.subfigures(len(tasks), squeeze=False)[:, 0]
    for part, task in zip(parts, tasks, strict=True):
        of_task = [training for training in found if training.task == task]
        panels = part.subplots(1, len(PANELS))
        for axes, (title, name) in zip(panels, PANELS.items(), strict=True):
            draw_panel(axes, of_task, title, name)
        of_rows = {
            label: line for axes in panels for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        part.legend(of_rows.values(), of_rows.keys(), loc="outside right upper", frameon=False)
        if len(tasks) > 1:
            part.suptitle(task)
    return figure


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="cer.tsv: what the rows are called")
    parser.add_argument("--branches", type=Path, nargs="*", default=[], help="curve.tsv of each fine-tuning")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, .svg")
    arguments = parser.parse_args()
    found = list(trainings(read_table(arguments.scores, CER_COLUMNS), arguments.branches))
    write(arguments.output, lambda: draw(found), arguments.output.name)


if __name__ == "__main__":
    exit_on_error(main)
