"""Put our own function in the place of a library's, and notice where the library's is no longer the one we know."""

import hashlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, ours: Callable[[Any], Any], known: str) -> None:
    """Put `ours(stock)` in the place of the function `owner.name`; ours may call the stock one.

    `known`: the first digits of the SHA-256 of the stock function's source, as `source_digest` gives them. Raises
    RuntimeError where it is another: what ours was written for has changed, or has been replaced already.
    """
    stock = getattr(owner, name)
    found = source_digest(stock)
    if found != known:
        raise RuntimeError(
            f"{owner.__name__}.{name} is not the function that ours was written for ({found} instead of {known}): "
            "install what workflow/envs pins, or compare the two and enter the new digest"
        )
    setattr(owner, name, staticmethod(ours(stock)) if _is_static(owner, name) else ours(stock))


def source_digest(function: Any) -> str:
    """Twelve hexadecimal digits for the text of a function."""
    return hashlib.sha256(textwrap.dedent(inspect.getsource(function)).encode()).hexdigest()[:12]


def _is_static(owner: Any, name: str) -> bool:
    return isinstance(inspect.getattr_static(owner, name), staticmethod)
