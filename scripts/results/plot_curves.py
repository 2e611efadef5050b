"""Draw the curves of pre-training over the published one: loss, code perplexity, accuracy by updates and by hours."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.results.style import COLOURS, lines_across, logarithmic
from scripts.trainers.beside import Key, hours_of, updates_of
from scripts.trainers.curves import Point

# Training and validation of each.
PANELS = {
    "loss (bits)": ("train_loss", "valid_loss"),
    "code perplexity": ("code_perplexity", "valid_code_perplexity"),
    "accuracy": ("accuracy", "valid_accuracy"),
}
PUBLISHED = {"color": "#444444", "linewidth": 3, "alpha": 0.5, "zorder": 1}


def line(points: Sequence[Point], name: str, key: Key) -> tuple[list[float], list[float]]:
    """The places and values of what is known."""
    known = [(x, y) for point in points if (x := key(point)) is not None and (y := getattr(point, name)) is not None]
    return [x for x, _ in known], [y for _, y in known]


def with_hours(points: Sequence[Point]) -> list[Point]:
    """Validations have no hours of their own: those of the training before."""
    found, heard = [], None
    for point in points:
        heard = point.audio_hours if point.audio_hours is not None else heard
        found.append(Point(**{**vars(point), "audio_hours": heard}))
    return found


def draw_panel(axes: Axes, runs: Mapping[str, Sequence[Point]], other: Sequence[Point], names: tuple, key: Key) -> None:
    """Training as a line, validation as open circles."""
    train, valid = names
    axes.plot(*line(other, train, key), label="published", **PUBLISHED)
    axes.plot(*line(other, valid, key), "o", markersize=5, markerfacecolor="white", color="#444444", alpha=0.6)
    for number, (name, points) in enumerate(runs.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(*line(points, train, key), color=colour, linewidth=1.8, label=name, zorder=3)
        axes.plot(*line(points, valid, key), "o", markersize=4, markerfacecolor="white", color=colour, zorder=3)
    lines_across(axes)


def draw(runs: Mapping[str, Sequence[Point]], other: Sequence[Point]) -> Figure:
    """The figure: a column each for loss, code perplexity and accuracy, a row each for updates and hours heard."""
    figure, panels = plt.subplots(2, len(PANELS), figsize=(13, 7.5), layout="constrained")
    whole_runs, whole_other = {name: with_hours(points) for name, points in runs.items()}, with_hours(other)
    for row, (key, label) in enumerate(((updates_of, "updates"), (hours_of, "hours of audio heard"))):
        for axes, (title, names) in zip(panels[row], PANELS.items(), strict=True):
            draw_panel(axes, whole_runs, whole_other, names, key)
            axes.set_xlabel(label)
            axes.set_ylabel(title)
            if title.startswith("code"):
                logarithmic(axes)
            if key is hours_of:  # runs of other batches hear a thousandth of it
                axes.set_xscale("symlog", linthresh=1)
            axes.set_xlim(left=0)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure
