"""Names that are imported; what they stand for is not there."""

from collections.abc import Callable
from typing import Any, NoReturn


def of(module: str) -> Callable[[str], Callable[..., Any]]:
    """The __getattr__ of a module whose functions are never called."""

    def __getattr__(name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def never(*_: Any, **__: Any) -> NoReturn:
            raise AssertionError(f"{module}.{name} is called: tests/e2e/never_called takes it for unused")

        return never

    return __getattr__
