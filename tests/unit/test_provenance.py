"""What a sidecar says about how its file came to be."""

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.common import provenance


def test_versions() -> None:
    found = provenance.versions("pytest", "no-such-package-at-all")
    assert found == {
        "python": platform.python_version(),
        "pytest": version("pytest"),
        "no-such-package-at-all": "not installed",
    }


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    call = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()


def test_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_commit() == "unknown"
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a").write_text("one")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    git(tmp_path, "tag", "--annotate", "v1", "--message", "one")  # a tag does not stand in for the commit
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert provenance.git_commit() == commit
    (tmp_path / "a").write_text("two")
    assert provenance.git_commit() == f"{commit}-dirty"


def test_without_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_commit() == "unknown"


def test_circumstances_are_json() -> None:
    facts = provenance.circumstances("pytest")
    assert set(facts) == {"git_commit", "versions"}
    assert json.loads(json.dumps(facts)) == facts
