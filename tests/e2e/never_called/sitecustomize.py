"""Of scipy.stats, fairseq and ESPnet import correlations and distributions. The real one takes 1.4 s to import.

It is a part of a package that is called, so that no folder here can stand for it: python runs this module as it starts.
"""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn


class Stats(ModuleType):
    """Names that are imported; what they stand for is not there."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def never(*_: Any, **__: Any) -> NoReturn:
            raise AssertionError(f"scipy.stats.{name} is called: tests/e2e/never_called takes it for unused")

        return never


sys.modules["scipy.stats"] = Stats("scipy.stats")
sys.modules["scipy.stats"].__spec__ = ModuleSpec("scipy.stats", None)
