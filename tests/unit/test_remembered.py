"""Digests of code are remembered as long as no source of the package changes, and never in place of others."""

import os
import sys
from pathlib import Path

import pytest

from scripts.common import code, files
from scripts.common.code import Code, code_digest
from scripts.common.remembered import Remembered

SOURCES = {
    "scripts/__init__.py": "",
    "scripts/step.py": "import neighbour\nfrom scripts.tool import work\n\nwork(neighbour)\n",
    "scripts/tool.py": "def work(x):\n    return x\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def ask(root: Path) -> str:
    """The digest of the step as a process that has just started finds it."""
    for known in (code._remembered, code._code, code.code_digest):
        known.cache_clear()
    return code_digest("scripts.step", root)


def test_what_was_worked_out_is_not_worked_out_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(root)
    monkeypatch.setattr(Code, "step_digest", lambda *_: pytest.fail("it was known"))
    assert ask(root) == first == Remembered(root).digests["scripts.step"]


@pytest.mark.parametrize("name", ["scripts/tool.py", "scripts/__init__.py", "scripts/step.py", "scripts/neighbour.py"])
def test_any_other_source_makes_it_be_worked_out_anew(root: Path, name: str) -> None:
    first = ask(root)
    known = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
    (root / name).write_text(f"{known}\nlimit = 2\n", encoding="utf-8")
    assert Remembered(root).digests == {}
    assert ask(root) == Code(root).step_digest("scripts.step")
    assert (ask(root) == first) == (name == "scripts/neighbour.py")  # which nothing imports by that name


def test_bytes_that_change_without_a_new_time_are_seen(root: Path) -> None:
    """As a checkout of git within a tick of the clock, or one that sets times, would leave them."""
    first, tool = ask(root), root / "scripts/tool.py"
    status = tool.stat()
    tool.write_text("def work(y):\n    return y\n", encoding="utf-8")
    os.utime(tool, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ask(root) != first


def test_what_lies_beside_the_package_is_not_vouched_for(root: Path) -> None:
    (root / "neighbour.py").write_text("x = 1\n", encoding="utf-8")
    first = ask(root)
    assert Remembered(root).digests == {}
    (root / "neighbour.py").write_text("x = 2\n", encoding="utf-8")
    assert ask(root) != first


def test_what_only_looks_like_a_source_is_passed_over(root: Path) -> None:
    (root / "scripts/.#tool.py").symlink_to("somebody@somewhere.1234")  # the lock of an editor
    (root / "scripts/folder.py").mkdir()
    (root / "scripts/notes.py").write_bytes(b"\xff")
    assert ask(root) == ask(root) == Code(root).step_digest("scripts.step")


def test_where_python_may_keep_no_bytecode_nothing_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    ask(root)
    assert not (root / "scripts/__pycache__").exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"{}", b'{"made_of": "0", "digests": {"scripts.step": 1}}']
)
def test_a_file_that_is_not_ours_is_replaced(root: Path, content: bytes) -> None:
    first = ask(root)
    (file,) = (root / "scripts/__pycache__").glob("*.json")
    file.write_bytes(content)
    assert ask(root) == first
    assert files.read_json(file)["digests"] == {"scripts.step": first}


def test_a_checkout_of_somebody_else(root: Path) -> None:
    (root / "scripts/__pycache__").write_text("no folder", encoding="utf-8")
    assert ask(root) == Code(root).step_digest("scripts.step")
