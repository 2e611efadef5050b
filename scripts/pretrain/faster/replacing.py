"""Put a function in the place of one object's method: scripts/trainers/replacing.py does it for a whole class."""

from collections.abc import Callable
from typing import Any

from scripts.trainers.replacing import source_digest

Function = Callable[..., Any]


def expect(owner: type, name: str, known: str) -> None:
    """Raise RuntimeError unless a function is the one that ours was written for."""
    found = source_digest(getattr(owner, name))
    if found != known:
        raise RuntimeError(
            f"{owner.__name__}.{name} is not the function that ours was written for ({found} instead of {known}): "
            "install what workflow/envs pins, switch this off, or compare the two and enter the new digest"
        )


def replace_on(item: Any, name: str, ours: Callable[[Function], Function], known: str) -> None:
    """Put `ours(stock)` in the place of an object's method; ours may call the stock one."""
    expect(type(item), name, known)
    setattr(item, name, ours(getattr(item, name)))
