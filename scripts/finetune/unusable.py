"""Which utterances nothing can be learnt from, and why: too short for the encoder, for CTC, or for its masks."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scripts.common.frames import Framing
from scripts.common.tokens import tokens_of

COLUMNS = ["utterance", "subset", "reason"]
MORE_THAN_A_MASK = 3  # frames, without which fairseq's two masks at least may leave none, which it refuses


@dataclass(frozen=True)
class Needs:
    """What a task asks of its training data. `mask_frames`: how long a mask is; 0: nothing is masked."""

    framing: Framing
    mask_frames: int
    word_boundary: bool

    def reason(self, samples: int, transcript: str, is_masked: bool) -> str:
        """Why an utterance is left out; "" if it is not."""
        if samples < self.framing.field:
            return f"{samples} samples: the encoder hears {self.framing.field} for a frame"
        frames, tokens = self.framing.frames(samples), tokens_of(transcript, self.word_boundary)
        if frames < frames_for(tokens):
            return f"{frames} frames: CTC needs {frames_for(tokens)} for {len(tokens)} tokens"
        if is_masked and self.mask_frames and frames < self.mask_frames + MORE_THAN_A_MASK:
            return f"{frames} frames: masks of {self.mask_frames} need {self.mask_frames + MORE_THAN_A_MASK}"
        return ""


def frames_for(tokens: Sequence[str]) -> int:
    """How many frames CTC needs at least: one a token, and a blank between two that are the same."""
    return len(tokens) + sum(one == other for one, other in itertools.pairwise(tokens))


def part(utterances: pd.DataFrame, needs: Needs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(usable, others with COLUMNS) of train and dev. Only train is masked."""
    reasons = pd.Series(
        [needs.reason(row.samples, row.transcript, row.subset == "train") for row in utterances.itertuples()],
        index=utterances.index,
        dtype=str,
    )
    return utterances[reasons == ""], utterances.assign(reason=reasons).loc[reasons != "", COLUMNS]
