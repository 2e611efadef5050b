"""Where trainers work: a folder beside their outputs that no rule declares, so that Snakemake deletes nothing in it.

In it, each training has a directory that is named after what decides it (docs/decisions/0001), with the trainer's log.
"""

from collections.abc import Mapping
from typing import Any

from scripts.common import digests

WORK = "work"
LOG = "train.log"
NOTE = "guard.json"  # beside the log: what a guard has found in it


def segment_of(milestone: str, made_from: Mapping[str, Any]) -> str:
    """The name of fairseq's directory. `milestone`: the name of what it ends with, without .pt."""
    return f"{milestone}-{digests.digest(made_from)}"
