"""A digest of what a step is made of: its module and the modules of ours that it imports, without comments.

It is a Merkle tree (Merkle, 1987): in a module's digest, each import of ours stands for the digest of what it imports.
Where a module lies counts for nothing, so that files can be moved; what it is made of, and what it calls it, does.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scripts.common.errors import StepError
from scripts.common.provenance import REPOSITORY
from scripts.common.remembered import Remembered

_DOTTED = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)+")


@cache
def _remembered(root: Path) -> Remembered:
    return Remembered(root)


@cache
def _code(root: Path) -> "Code":
    return Code(root, _remembered(root).sources)


@cache
def code_digest(module: str, root: Path = REPOSITORY) -> str:
    """12 hexadecimal digits that change when the code of a module, or of one of ours it imports, changes.

    Comments, docstrings and formatting do not count, nor does the order in which modules of ours are imported. Imports
    are followed as written, and so is a module's full name in a string (`python -m`); whatever else is dynamic is not
    seen. A process reads a file once. Raises StepError for modules that import one another in a circle.
    """
    remembered = _remembered(root)
    digest = remembered.digests.get(module)
    if digest is None:
        code = _code(root)
        digest = code.step_digest(module)
        remembered.add(module, digest, code.closure(module))
    return digest


@dataclass(frozen=True)
class _Module:
    tree: ast.Module  # without docstrings
    ours: frozenset[str]  # modules below the root that it imports or runs, and the packages that it lies in


class Code:
    """The modules below a directory, each read and digested once; `read`: bytes of files that were read before."""

    def __init__(self, root: Path, read: Mapping[Path, bytes] = MappingProxyType({})) -> None:
        self.root = root
        self._read = read
        self._modules: dict[str, _Module] = {}
        self._digests: dict[str, str] = {}
        self._open: list[str] = []  # from the first one that was asked for to the one that is looked at

    def step_digest(self, module: str) -> str:
        """See `code_digest`."""
        own = self._digest(module)
        # Importing a.b.c runs a and a.b, too. Most packages hold nothing.
        trees = self.closure(module)
        packages = {package for name in trees for package in _packages(name)} - {module}
        around = sorted(self._digest(name) for name in packages if name in trees and trees[name].body)
        return _hash([own, around])[:12]

    def closure(self, module: str) -> dict[str, ast.Module]:
        """{name: syntax tree without docstrings} of a module and everything below the root that it imports or runs."""
        found: dict[str, ast.Module] = {}
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._module(name).tree
                waiting += self._module(name).ours
        return found

    def _module(self, name: str) -> _Module:
        if name not in self._modules:
            path = _source(name, self.root)
            if path is None:
                raise FileNotFoundError(f"{name} is no module below {self.root}")
            source = self._read[path] if path in self._read else path.read_bytes()
            tree = _without_docstrings(ast.parse(source, str(path)))
            ours = frozenset(other for other in {*_packages(name), *_imported(tree)} if _source(other, self.root))
            self._modules[name] = _Module(tree, ours)
        return self._modules[name]

    def _digest(self, module: str) -> str:
        if module in self._open:
            circle = " -> ".join([*self._open[self._open.index(module) :], module])
            raise StepError(f"{circle}: modules that import one another in a circle have no digest, cut it")
        if module not in self._digests:
            self._open.append(module)
            try:
                self._digests[module] = _hash(self._shape(self._module(module).tree))
            finally:
                self._open.pop()
        return self._digests[module]

    def _is_ours(self, name: object) -> bool:
        """Whether the module that is looked at names one of ours by that."""
        return name in self._module(self._open[-1]).ours

    def _shape(self, node: Any) -> Any:
        """A syntax tree as nested lists. Releases of Python differ in the empty fields that `ast.dump` shows."""
        if isinstance(node, list):
            return self._statements(node)
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.Constant) and self._is_ours(node.value):
            return ["module", self._digest(node.value)]
        shape: list[Any] = [type(node).__name__]
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != []:
                shape.append([name, self._shape(value)])
        return shape

    def _statements(self, nodes: list[Any]) -> list[Any]:
        """The nodes of a list; imports of ours come first and sorted, as a formatter moves them with their names."""
        ours, others = [], []
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    entry = self._import(node, alias)
                    (ours if entry else others).append(entry or self._shape(_alone(node, alias)))
            else:
                others.append(self._shape(node))
        return [*sorted(ours), *others]

    def _import(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> list[str] | None:
        """What an import of ours brings, and under which name; None for a module from elsewhere."""
        if isinstance(node, ast.Import):
            found = self._is_ours(alias.name)
            return ["import", alias.asname or alias.name, self._digest(alias.name)] if found else None
        local, full = alias.asname or alias.name, f"{node.module}.{alias.name}"
        if self._is_ours(full):
            return ["import", local, self._digest(full)]
        if self._is_ours(node.module):
            return ["import", local, alias.name, self._digest(node.module)]
        return None


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


def _alone(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    """One of the names of an import statement as a statement of its own."""
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        waiting += (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
    return tree
