"""What a sidecar says about how its file came to be."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def git_commit() -> str:
    """The repository's commit, marked where files differ from it; "unknown" outside a checkout."""
    call = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of Python and of `packages`."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def circumstances(*packages: str) -> dict[str, Any]:
    """The part of a sidecar that every step shares."""
    return {"git_commit": git_commit(), "versions": versions(*packages)}
