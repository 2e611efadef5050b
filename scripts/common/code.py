"""A digest of what a step is made of: its module and the modules of ours that it imports, without comments."""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scripts.common.provenance import REPOSITORY

_DOTTED = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)+")


@cache
def code_digest(module: str, root: Path = REPOSITORY) -> str:
    """12 hexadecimal digits that change when the code of a module, or of one of ours it imports, changes.

    Comments, docstrings and formatting do not count. Imports are followed as written, and so is a module's full name
    in a string (`python -m`); whatever else is dynamic is not seen.
    """
    trees = {name: _shape(_without_docstrings(tree)) for name, tree in sorted(_closure(module, root).items())}
    return hashlib.sha256(repr(trees).encode()).hexdigest()[:12]


def _closure(module: str, root: Path) -> dict[str, ast.Module]:
    """{name: syntax tree} of a module and everything below `root` that it imports, directly or not."""
    trees: dict[str, ast.Module] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name, root)
        if name not in trees and path is not None:
            trees[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
            waiting += [*_packages(name), *_imported(trees[name])]
    return trees


def _source(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _packages(module: str) -> Iterator[str]:
    """The packages around a module, which are imported with it: a.b and a of a.b.c."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names that may be modules; `from a import b` may mean the module a.b. (Ours import by absolute names only.)"""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            yield node.value


def _shape(node: Any) -> Any:
    """A syntax tree as nested lists. Releases of Python differ in the empty fields that `ast.dump` shows."""
    if isinstance(node, list):
        return [_shape(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return [type(node).__name__, *([name, _shape(value)] for name, value in fields)]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree
