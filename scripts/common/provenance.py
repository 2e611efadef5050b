"""What a sidecar says about how its file came to be."""

import platform
import re
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scripts.common import digests
from scripts.common.processor import processor

REPOSITORY = Path(__file__).resolve().parents[2]
STARTED = time.monotonic()  # what imports this has just been started


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


def environment_digest(name: str) -> str:
    """12 digits for what workflow/envs pins under a name and installs after that, without comments."""
    files = sorted((REPOSITORY / "workflow" / "envs").glob(f"{name}.*"))
    lines = [re.sub(r"(^|\s)#.*", "", line).rstrip() for file in files for line in file.read_text().splitlines()]
    return digests.digest([line for line in lines if line])


def circumstances(environment: str, *packages: str) -> dict[str, Any]:
    """The part of a sidecar that every step shares; `environment` is a name in workflow/envs."""
    return {
        "git_commit": git_commit(),
        "environment": {"name": environment, "digest": environment_digest(environment)},
        "versions": versions(*packages),
        "processor": processor(),
        "seconds_in_this_job": round(time.monotonic() - STARTED, 1),
    }
