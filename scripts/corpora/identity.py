"""What lists of utterances and packed audio are made of. The steps write it down, scripts.reruns compares.

`code`: the digest of the step's module. It is handed in, as a module that is named here would import itself.
"""

from collections.abc import Mapping
from typing import Any

SPELLING = ("case", "punctuation")  # keys of a corpus that say how its transcripts are spelt


def listing(
    layout: str, lists: Mapping[str, str], wavs: str, spelling: Mapping[str, str], code: str
) -> dict[str, Any]:
    """A corpus: `lists` are the sha256 of the files that list it by their names, `wavs` a digest of its wavs' names.

    `spelling`: the values of SPELLING.
    """
    return {"format": layout, "lists": dict(lists), "wavs": wavs, **spelling, "code": code}


def filtering(utterances: str, heldout: Mapping[str, str], code: str) -> dict[str, Any]:
    """What is kept of a corpus: the sha256 of its utterances, and of the held-out transcripts of others by corpus."""
    return {"utterances": utterances, "without_transcripts_of": dict(heldout), "code": code}


def splitting(corpus: str, utterances: str, fraction: float, code: str) -> dict[str, Any]:
    """A part of a corpus for pre-training. `utterances`: the sha256 of what is kept of it."""
    return {"corpus": corpus, "utterances": utterances, "validation_fraction": fraction, "code": code}


def packing(utterances: str, utterances_per_file: int, shards: int, code: str) -> dict[str, Any]:
    """An archive of audio. `utterances`: the sha256 of the part of the corpus that goes into all of its archives."""
    return {
        "utterances": utterances,
        "utterances_per_file": utterances_per_file,
        "audio_shards": shards,
        "code": code,
    }


def joining(archives: Mapping[str, str], code: str) -> dict[str, Any]:
    """A manifest. `archives`: the sha256 of the lines that each archive brings, by its name."""
    return {"archives": dict(archives), "code": code}
