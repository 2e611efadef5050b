"""What transcripts and scores are made of. The steps write it down, scripts.plan.trace compares.

`code` is handed in: a module that is named here would count as code of everything that imports this one.
"""

from typing import Any


def transcript(subset: str, weights: str, encoder_sha256: str, utterances: str, code: str) -> dict[str, Any]:
    """Everything that decides a subset's transcript but for the wavs; digests of the files that it is made from."""
    return {
        "subset": subset,
        "weights": weights,
        "encoder_sha256": encoder_sha256,
        "utterances": utterances,
        "code": code,
    }


def score(subset: str, transcript: str, utterances: str, code: str) -> dict[str, Any]:
    """Everything that decides a score."""
    return {"subset": subset, "transcript": transcript, "utterances": utterances, "code": code}
