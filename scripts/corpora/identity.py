"""What lists of utterances and packed audio are made of. The steps write it down, scripts.reruns compares.

`code`: the digest of the step's module. It is handed in, as a module that is named here would import itself.
"""

from collections.abc import Mapping
from typing import Any

SPELLING = ("case", "punctuation")  # keys of a corpus that say how its transcripts are spelt


def listing(
    layout: str,
    lists: Mapping[str, str],
    audio: str,
    spelling: Mapping[str, str],
    converts: bool,
    exclude: str | None,
    code: str,
) -> dict[str, Any]:
    """A corpus: `lists` are the sha256 of the files that list it by their names, `audio` a digest of the names and
    sizes of its files; `spelling`: the values of SPELLING; `exclude`: the sha256 of the list of what is not used.
    """
    settings = {**spelling, "convert": converts, "exclude": exclude}
    return {"format": layout, "lists": dict(lists), "audio": audio, **settings, "code": code}


def converting(heard: Mapping[str, str], audio: Mapping[str, str], code: str) -> dict[str, Any]:
    """Converted audio: of each subset which utterances there are and how long, and what their recordings are."""
    return {"heard": dict(heard), "audio": dict(audio), "code": code}


def filtering(utterances: str, heldout: Mapping[str, str], near_leaks: str, code: str) -> dict[str, Any]:
    """What is kept of a corpus: the sha256 of its utterances, and of the held-out transcripts of others by corpus;
    `near_leaks`: what becomes of sentences that are nearly one of those.
    """
    settings = {"without_transcripts_of": dict(heldout), "near_leaks": near_leaks}
    return {"utterances": utterances, **settings, "code": code}


def splitting(corpora: Mapping[str, str], fraction: float, code: str) -> dict[str, Any]:
    """A part of corpora for pre-training: the sha256 of what is kept of each, in their order."""
    names, kept = list(corpora), list(corpora.values())
    of_one = {"corpus": names[0], "utterances": kept[0]}
    of_several = {"corpus": names, "utterances": dict(corpora)}
    return {**(of_several if names[1:] else of_one), "validation_fraction": fraction, "code": code}


def packing(
    utterances: str, audio: Mapping[str, str], utterances_per_file: int, shards: int, code: str
) -> dict[str, Any]:
    """An archive of audio. `utterances`: the sha256 of the part of the corpora that goes into all of its archives;
    `audio`: of each corpus a digest of what its files of train are.
    """
    return {
        "utterances": utterances,
        "audio": dict(audio),
        "utterances_per_file": utterances_per_file,
        "audio_shards": shards,
        "code": code,
    }


def joining(archives: Mapping[str, str], code: str) -> dict[str, Any]:
    """A manifest. `archives`: the sha256 of the lines that each archive brings, by its name."""
    return {"archives": dict(archives), "code": code}
