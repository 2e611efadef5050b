"""What was trained, and what comes of it, has a sidecar .json beside it that gives its sha256 and how it was made."""

from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.common.errors import StepError


def write(file: Path, made_from: dict[str, Any], **facts: Any) -> None:
    """Vouch for a file's bytes, and say what they were made from and how."""
    files.write_json(file.with_suffix(".json"), {"sha256": files.sha256(file), "made_from": made_from, **facts})


def verified(checkpoint: Path) -> dict[str, Any]:
    """The sidecar of a checkpoint whose bytes it vouches for: unpickling runs code, so look first.

    Raises StepError where they differ or there is none.
    """
    sidecar = checkpoint.with_suffix(".json")
    if not sidecar.exists():
        raise StepError(f"{checkpoint} has no sidecar {sidecar.name}: remake both")
    facts = files.read_json(sidecar)
    if files.sha256(checkpoint) != facts["sha256"]:
        raise StepError(f"{checkpoint} is not the file that {sidecar.name} describes (sha256): remake or restore it")
    return facts
