"""A place whose name has all that a path may hold, and a copy of the repository there."""

import shutil
import subprocess
from pathlib import Path

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
