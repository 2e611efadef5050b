"""Places: one whose name has all that a path may hold, a copy of the repository there, and the sample of AISHELL."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
AWKWARD = "it's #1, a=b & (c); 中文"
NOT_OURS = (".git", ".venv", "runs", "shared", "__pycache__", ".snakemake", ".*_cache", ".hypothesis")


def copy_repository(place: Path) -> Path:
    """The repository's files, copied below `place`."""
    repository = place / "the repository"
    shutil.copytree(REPOSITORY, repository, ignore=shutil.ignore_patterns(*NOT_OURS))
    return repository


def with_commit(copy: Path) -> Path:
    """A copy that says it is of the same commit, and as clean, as the repository; both say nothing outside of git."""
    bare = copy.with_name("clone")
    clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(REPOSITORY), str(bare)]
    if subprocess.run(clone, capture_output=True, check=False).returncode == 0:
        (bare / ".git").rename(copy / ".git")
        bare.rmdir()
        subprocess.run(["git", "-C", str(copy), "reset", "--quiet"], check=True)
    return copy


def sample_script() -> Path:
    """The program that lays out real speech as it is distributed; where it is not here the test is skipped."""
    folder = Path(os.environ.get("AISHELL_SAMPLE", REPOSITORY.parent / "shared" / "corpora"))
    if not (folder / "lay_out.py").is_file():
        pytest.skip("the sample of AISHELL is not here: set AISHELL_SAMPLE to the folder that holds its lay_out.py")
    return folder / "lay_out.py"
