"""The digest of a step follows its code, and nothing else."""

from pathlib import Path

import pytest

from scripts.common.code import Code, code_digest
from scripts.common.errors import StepError
from scripts.common.provenance import REPOSITORY

STEP = '''"""A step."""

import json
from ours.common import tool
from ours.common.other import value

def main():
    """Run it."""
    import ours.late
    # why
    return tool.work(value, [1, 2])
'''
SOURCES = {
    "ours/__init__.py": "",
    "ours/common/__init__.py": "",
    "ours/common/tool.py": "from ours.common import deep\n\ndef work(*x):\n    return deep.y\n",
    "ours/common/deep.py": "y = 1\n",
    "ours/common/other.py": "value = 2\n",
    "ours/common/unrelated.py": "z = 3\n",
    "ours/late.py": "w = 4\n",
    "ours/started.py": "v = 5\n",
    "ours/step.py": STEP,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return tmp_path


def digest_after(root: Path, name: str, source: str) -> str:
    """The digest of ours.step once a file has been rewritten."""
    (root / name).write_text(source, encoding="utf-8")
    return fresh_digest("ours.step", root)


def fresh_digest(module: str, root: Path) -> str:
    """As another process would make it: this one reads a file once."""
    return Code(root).step_digest(module)


def test_it_is_12_hexadecimal_digits_wherever_the_code_lies(root: Path, tmp_path_factory) -> None:
    digest = code_digest("ours.step", root)
    assert len(digest) == 12 and set(digest) <= set("0123456789abcdef")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "checkout"
    root.rename(elsewhere)
    assert code_digest("ours.step", elsewhere) == digest


@pytest.mark.parametrize(
    "edited",
    [
        STEP.replace("# why", "# another reason"),
        STEP.replace('"""A step."""', '"""What it is."""'),
        STEP.replace('    """Run it."""\n', ""),
        STEP.replace("value, [1, 2]", "\n        value,\n        [1, 2],\n    "),
        STEP.replace('"""', "'''") + "\n\n",
    ],
)
def test_comments_docstrings_and_format_change_nothing(root: Path, edited: str) -> None:
    before = code_digest("ours.step", root)
    assert edited != STEP
    assert digest_after(root, "ours/step.py", edited) == before


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ours/step.py", STEP.replace("[1, 2]", "[2, 1]")),
        ("ours/common/tool.py", SOURCES["ours/common/tool.py"].replace("deep.y", "-deep.y")),
        ("ours/common/other.py", "value = 3\n"),
        ("ours/common/deep.py", "y = 2\n"),  # imported by what is imported
        ("ours/late.py", "w = 5\n"),  # imported within a function
        ("ours/common/__init__.py", "import os\n"),  # runs whenever a module of the package is imported
        ("ours/__init__.py", "import os\n"),
    ],
)
def test_an_edit_of_the_module_or_of_what_it_imports_changes_it(root: Path, name: str, source: str) -> None:
    before = code_digest("ours.step", root)
    assert digest_after(root, name, source) != before
    assert digest_after(root, name, SOURCES[name]) == before


@pytest.mark.parametrize("name", ["ours/common/unrelated.py", "ours/started.py", "ours/new.py"])
def test_an_edit_elsewhere_does_not(root: Path, name: str) -> None:
    before = code_digest("ours.step", root)
    assert digest_after(root, name, "z = 30\n") == before


def test_a_module_named_in_a_string_counts(root: Path) -> None:
    """`python -m MODULE` is how a step starts a trainer."""
    step = STEP + '\nCOMMAND = ["python", "-m", "ours.started"]\n'
    before = digest_after(root, "ours/step.py", step)
    assert digest_after(root, "ours/started.py", "v = 6\n") != before


def test_a_string_that_is_no_docstring_counts(root: Path) -> None:
    before = code_digest("ours.step", root)
    assert digest_after(root, "ours/step.py", STEP + '\nMESSAGE = "one"\n') != before


def test_a_package_as_a_step(root: Path) -> None:
    (root / "ours" / "plugin").mkdir()
    (root / "ours" / "plugin" / "__init__.py").write_text("a = 1\n")
    before = fresh_digest("ours.plugin", root)
    (root / "ours" / "plugin" / "__init__.py").write_text("a = 2\n")
    assert fresh_digest("ours.plugin", root) != before


def test_a_module_that_moves_changes_nothing(root: Path) -> None:
    """With its imports written anew, as an editor and a formatter leave them."""
    before = code_digest("ours.step", root)
    (root / "ours/tools/deeper").mkdir(parents=True)
    for package in ("ours/tools", "ours/tools/deeper"):
        (root / package / "__init__.py").touch()
    (root / "ours/common/tool.py").rename(root / "ours/tools/deeper/tool.py")
    (root / "ours/common/other.py").rename(root / "ours/a_better_name.py")
    moved = STEP.replace("from ours.common import tool\n", "").replace(
        "from ours.common.other import value\n",
        "from ours.a_better_name import value\nfrom ours.tools.deeper import tool\n",
    )
    assert digest_after(root, "ours/step.py", moved) == before


def test_a_module_named_in_a_string_may_move_too(root: Path) -> None:
    step = STEP + '\nCOMMAND = ["python", "-m", "{}"]\n'
    before = digest_after(root, "ours/step.py", step.format("ours.started"))
    (root / "ours/started.py").rename(root / "ours/common/begun.py")
    assert digest_after(root, "ours/step.py", step.format("ours.common.begun")) == before


def test_a_new_name_counts_where_it_is_spelt_out(root: Path) -> None:
    before = code_digest("ours.step", root)
    (root / "ours/common/tool.py").rename(root / "ours/common/tools.py")
    renamed = STEP.replace("import tool", "import tools").replace("tool.work", "tools.work")
    assert digest_after(root, "ours/step.py", renamed) != before


def test_two_modules_that_change_places_are_seen(root: Path) -> None:
    """Whoever imports the one by its place now gets the other."""
    (root / "ours/common/other.py").write_text("def work(*x):\n    return x\n\nvalue = 2\n", encoding="utf-8")
    (root / "ours/common/tool.py").write_text("def work(*x):\n    return []\n\nvalue = 3\n", encoding="utf-8")
    before = fresh_digest("ours.step", root)
    other, tool = ((root / f"ours/common/{name}.py").read_text() for name in ("other", "tool"))
    (root / "ours/common/other.py").write_text(tool)
    assert digest_after(root, "ours/common/tool.py", other) != before


def test_what_is_taken_from_a_module_counts_and_its_new_name(root: Path) -> None:
    before = code_digest("ours.step", root)
    assert digest_after(root, "ours/step.py", STEP.replace("import value", "import values as value")) != before
    assert digest_after(root, "ours/step.py", STEP.replace("import value", "import value as v")) != before


def test_the_order_of_imports_of_ours_does_not_count(root: Path) -> None:
    before = code_digest("ours.step", root)
    first, second = "from ours.common import tool\n", "from ours.common.other import value\n"
    assert digest_after(root, "ours/step.py", STEP.replace(first + second, second + first)) == before


def test_imports_in_a_circle_are_refused(root: Path) -> None:
    (root / "ours/common/deep.py").write_text("import ours.step\n\ny = 1\n")
    with pytest.raises(StepError, match=r"^ours\.step -> ours\.common\.tool -> ours\.common\.deep -> ours\.step: mod"):
        code_digest("ours.step", root)
    (root / "ours/common/deep.py").write_text('y = "ours.common.deep"\n')
    with pytest.raises(StepError, match=r"^ours\.common\.deep -> ours\.common\.deep: modules that import one another"):
        fresh_digest("ours.step", root)


def test_a_package_may_import_its_own_modules(root: Path) -> None:
    (root / "ours/common/__init__.py").write_text("from ours.common import unrelated\n")
    before = fresh_digest("ours.step", root)
    assert digest_after(root, "ours/common/unrelated.py", "z = 4\n") != before


def test_every_module_of_the_repository_has_a_digest() -> None:
    files = [file.relative_to(REPOSITORY).with_suffix("") for file in REPOSITORY.glob("scripts/**/*.py")]
    names = {".".join(file.parts).removesuffix(".__init__") for file in files}
    assert len(names) > 40 and all(code_digest(name) for name in names)
