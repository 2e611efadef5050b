"""Run a step without painting its figures: python draw.py -m MODULE WORDS...

To paint text takes matplotlib half a second or more a figure, and each table comes with six. The SVG holds the words
of its figure alone. How figures look is looked at in tests/unit.
"""

import os
import runpy
import sys
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text


def write_words(figure: Figure, path: Path, **_: Any) -> None:
    """In place of Figure.savefig."""
    words = "".join(f"<text>{escape(text.get_text())}</text>\n" for text in figure.findobj(Text) if text.get_text())
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{words}</svg>\n', encoding="utf-8")


Figure.savefig = write_words
sys.argv = sys.argv[2:]
sys.path[0] = os.getcwd()  # as with -m
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
