"""What transcripts and scores are made of. The steps write it down, scripts.reruns compares.

`code`: the digest of a step's module. It is handed in: a module that is named here would count as code of all that
import this one.
"""

from typing import Any


def transcript(
    subset: str, average: str, weights: str, encoder_sha256: str, heard: str, audio: str, code: str
) -> dict[str, Any]:
    """Everything that decides a subset's transcript.

    `average`: which weights of a branch, by name, and their sha256; `heard`: which utterances, and how long each is;
    `audio`: what their files are.
    """
    return {
        "subset": subset,
        "average": average,
        "weights": weights,
        "encoder_sha256": encoder_sha256,
        "heard": heard,
        "audio": audio,
        "code": code,
    }


def score(
    subset: str, transcript: str, said: str, word_boundary: bool, code: str, metric: str = "cer"
) -> dict[str, Any]:
    """Everything that decides a score: the sha256 of the hypotheses, a digest of the references.

    `word_boundary`: whether they have words, which are scored, too. `metric`: what the table shows; a score by
    characters does not speak of it.
    """
    return {
        **({"metric": metric} if metric != "cer" else {}),
        "subset": subset,
        "transcript": transcript,
        "said": said,
        "word_boundary": word_boundary,
        "code": code,
    }
