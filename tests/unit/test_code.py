"""The digest of a step follows its code, and nothing else."""

from pathlib import Path

import pytest

from scripts.common.code import code_digest

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
    """The digest of ours.step once a file has been rewritten; the cache is a process's, and so is bypassed."""
    (root / name).write_text(source, encoding="utf-8")
    return code_digest.__wrapped__("ours.step", root)


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
    before = code_digest.__wrapped__("ours.plugin", root)
    (root / "ours" / "plugin" / "__init__.py").write_text("a = 2\n")
    assert code_digest.__wrapped__("ours.plugin", root) != before
