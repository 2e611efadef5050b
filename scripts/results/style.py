"""How figures look, and how they are written."""

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import LogLocator, NullFormatter

from scripts.common.files import whole

# Okabe and Ito's palette for colour-blind readers (https://jfly.uni-koeln.de/color/), without its yellow.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]

STYLE = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",  # the same letters on every machine
}


def write(path: Path, draw: Callable[[], Figure], salt: str) -> None:
    """Draw in this style, and write an SVG with the same bytes on every run; `salt`: what its ids are made from."""
    with plt.rc_context(STYLE | {"svg.hashsalt": salt}), whole(path) as temporary:
        figure = draw()
        figure.savefig(temporary, format="svg", metadata={"Date": None})
        plt.close(figure)


def lines_across(axes: Axes) -> None:
    """Faint lines at the marks of the axis upwards, behind all else."""
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)


def logarithmic(axes: Axes) -> None:
    """A logarithmic axis upwards, with plain numbers: 1, 2, 3, 5, 7, 10, ..."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def readable(label: str) -> str:
    """A label of the config in letters that the font has; others, as Chinese ones, are code points and never boxes."""
    known = get_font(findfont("DejaVu Sans"))
    return "".join(letter if known.get_char_index(ord(letter)) else f"U+{ord(letter):04X}" for letter in label)
