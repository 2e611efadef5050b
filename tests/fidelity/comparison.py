"""A published configuration against ours, key by key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
DECISION = ROOT / "docs/decisions/0002-differences-from-the-published-run.md"

ABSENT = "(absent)"
A_PATH = "(a path)"


@dataclass(frozen=True)
class Difference:
    """A key that may differ: its published value, ours, and the reason."""

    published: Any
    ours: Any
    why: str


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys; lists stay values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(published: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Every published (flat) key whose value is another one here: key -> published, ours. Our paths read A_PATH."""
    found = {}
    for key, theirs in published.items():
        our = ours.get(key, ABSENT)
        if theirs not in (our, _without_place(our)):
            found[key] = (theirs, _without_place(our))
    return found


def allowed(table: Mapping[str, Difference]) -> dict[str, tuple[Any, Any]]:
    """A table of differences in the form that `differences` returns."""
    return {key: (difference.published, difference.ours) for key, difference in table.items()}


def documented_keys(heading: str) -> set[str]:
    """The keys (first column, in backticks) of the table under a heading of docs/decisions/0002."""
    section = DECISION.read_text(encoding="utf-8").split(f"## {heading}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {key for cell in first_cells for key in re.findall(r"`([^`]+)`", cell)}


def _without_place(value: Any) -> Any:
    return A_PATH if isinstance(value, str) and Path(value).is_absolute() else value
