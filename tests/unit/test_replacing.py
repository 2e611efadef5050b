"""Our functions in the place of a library's."""

import types

import pytest

from scripts.common.code import Code
from scripts.common.provenance import REPOSITORY
from scripts.trainers.replacing import replace, source_digest


class Library:
    """Somebody else's."""

    def twice(self, number: int) -> int:
        return 2 * number

    @staticmethod
    def name() -> str:
        return "stock"


def test_ours_may_call_the_stock_function() -> None:
    owner = type("Library", (Library,), {})
    replace(owner, "twice", lambda stock: lambda self, number: stock(self, number) + 1, source_digest(Library.twice))
    assert owner().twice(5) == 11 and Library().twice(5) == 10


def test_a_static_one_stays_static() -> None:
    owner = type("Library", (Library,), {})
    replace(owner, "name", lambda stock: lambda: f"ours, not {stock()}", source_digest(Library.name))
    assert owner.name() == owner().name() == "ours, not stock"


def test_a_function_of_a_module() -> None:
    module = types.ModuleType("library")
    module.name = Library.name
    replace(module, "name", lambda stock: lambda: "ours", source_digest(Library.name))
    assert module.name() == "ours"


def test_another_function_than_the_known_one_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"^Library\.twice is not the function .* instead of 123"):
        replace(Library, "twice", lambda stock: stock, "123")


def test_a_function_that_is_replaced_already_is_refused() -> None:
    owner, known = type("Library", (Library,), {}), source_digest(Library.twice)
    replace(owner, "twice", lambda stock: lambda self, number: number, known)
    with pytest.raises(RuntimeError):
        replace(owner, "twice", lambda stock: lambda self, number: number, known)


@pytest.mark.parametrize(
    ("numerics", "helpers"),
    [
        ("scripts.pretrain.fairseq_numerics", {"masks", "square_root", "replacing"}),
        ("scripts.finetune.espnet_numerics", {"masks", "square_root"}),
    ],
)
def test_what_decides_the_bits_imports_nothing_that_only_saves(numerics: str, helpers: set[str]) -> None:
    """What is imported has a finished training made again wherever it changes."""
    assert {name for name, tree in Code(REPOSITORY).closure(numerics).items() if tree.body} == {
        numerics,
        *(f"scripts.trainers.{helper}" for helper in helpers),
    }
