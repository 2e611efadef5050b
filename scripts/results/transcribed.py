"""Scores, utterance by utterance: what was said, by whom, and where the transcripts are wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.common import files, tables
from scripts.common.errors import StepError
from scripts.evaluate.aligned import Aligned, align
from scripts.evaluate.metrics import METRICS
from scripts.evaluate.score_cer import check_pairs, read_hypotheses, references_of
from scripts.reruns.parts import Part, match
from scripts.results.scores import Score


@dataclass(frozen=True)
class Said:
    """The references of a subset, in the order of their list. speakers: a number for each utterance, from 0."""

    path: Path
    texts: dict[str, str]
    speakers: np.ndarray
    digest: str

    @classmethod
    def of(cls, path: Path, subset: str) -> "Said":
        utterances = tables.read_subset(path, ["utterance", "speaker", "subset", "transcript"], subset)
        texts = references_of(utterances, subset, path)
        speakers, _ = pd.factorize(utterances["speaker"])
        return cls(path, texts, speakers, tables.digest_of(utterances, ["utterance", "transcript"]))


@dataclass(frozen=True)
class Heard:
    """How the transcripts of a score, or of several with the same references in a row, differ from what was said."""

    aligned: Aligned
    speakers: np.ndarray

    @cached_property
    def errors(self) -> np.ndarray:
        """By speaker."""
        return np.bincount(self.speakers, weights=self.aligned.errors()).astype(np.int64)

    @cached_property
    def characters(self) -> np.ndarray:
        """By speaker."""
        return np.bincount(self.speakers, weights=self.aligned.lengths).astype(np.int64)


def joined(parts: Sequence[Heard]) -> Heard:
    """Transcripts of several seeds as one set, in which a speaker has each utterance as often."""
    if len(parts) == 1:
        return parts[0]
    sides = [[getattr(part.aligned, side) for part in parts] for side in ("lengths", "wrong", "inserted")]
    return Heard(Aligned.of(*map(np.concatenate, sides)), np.concatenate([part.speakers for part in parts]))


def transcript_of(score: Score) -> Path:
    """Where the transcripts lie that a score was made from: in the same working directory."""
    root = score.path.as_posix().removesuffix(score.file)
    return Path(root + Part.of("transcript", **dict(match("score", score.file).names)).file)


def heard(score: Score, said: Said) -> Heard:
    """Align the transcripts that a score was made from.

    Raises StepError where they, or their references, are not there any more or others than those that were scored.
    """
    path = transcript_of(score)
    if not path.exists():
        raise StepError(f"{path} is missing: remake it")
    made_from = files.read_json(score.path).get("made_from", {})
    if made_from.get("said") != said.digest:
        raise StepError(f"{said.path} has other transcripts of {score.subset} than were scored: score again")
    if made_from.get("transcript") != files.sha256(path):
        raise StepError(f"{path} is another than was scored: score again")
    hypotheses = read_hypotheses(path)
    check_pairs(said.texts, hypotheses, path)
    tokens = METRICS[score.metric].tokens if score.metric != "cer" else None  # whose characters are taken all at once
    aligned = align(list(said.texts.values()), [hypotheses[utterance] for utterance in said.texts], tokens)
    return Heard(aligned, said.speakers)
