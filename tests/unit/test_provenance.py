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
    facts = provenance.circumstances("results", "pytest")
    assert set(facts) == {"git_commit", "environment", "versions", "processor", "seconds_in_this_job"}
    assert set(facts["processor"]) == {"name", "vendor", "level"}
    assert facts["environment"]["name"] == "results"
    assert json.loads(json.dumps(facts)) == facts


def test_an_environment_is_its_pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(provenance, "REPOSITORY", tmp_path)
    pins, script = tmp_path / "workflow/envs/espnet.yaml", tmp_path / "workflow/envs/espnet.post-deploy.sh"
    pins.parent.mkdir(parents=True)
    pins.write_text("# why\ndependencies:\n  - torch==2\n")
    script.write_text("pip install espnet==1  # late\n")
    (pins.parent / "other.yaml").write_text("x==1")
    before = provenance.environment_digest("espnet")
    pins.write_text("dependencies:\n  # other words\n  - torch==2  # because\n\n")
    (pins.parent / "other.yaml").write_text("x==2")
    assert provenance.environment_digest("espnet") == before
    for file in (pins, script):
        file.write_text(file.read_text().replace("==", "==1"))
        assert provenance.environment_digest("espnet") != before
        file.write_text(file.read_text().replace("==1", "==", 1))
