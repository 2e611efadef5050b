"""A place whose name has all that a path may hold, and a copy of the repository there."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
AWKWARD = "it's #1, a=b & (c); 中文"
FOLDERS = ("config", "profiles", "scripts", "workflow")


def copy_repository(place: Path) -> Path:
    """What a user needs of the repository, copied below `place`."""
    repository = place / "the repository"
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "Snakefile"):
        shutil.copy(REPOSITORY / name, repository)
    return repository
