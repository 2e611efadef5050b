"""Whether an export says what the trainer's own code says. One that does not is not published."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.common.errors import StepError
from scripts.common.rates import SAMPLE_RATE
from scripts.evaluate.alignment import ErrorCounts, count_errors
from scripts.export.handed_over import Model, waveform

LARGEST = 1e-4  # by which one number of an output may differ
OF_LARGE = 1e-5  # of the largest number, where another library computes: float32 keeps 7 digits, 12 layers add up


@dataclass(frozen=True)
class Heard:
    """What one program makes of all utterances: their texts, and how long it took."""

    texts: list[str]
    seconds: float


def hear(handed: Model, transcribe: Callable[[np.ndarray], str]) -> Heard:
    """Transcribe all utterances, float32 (T,) each, one after the other."""
    waveforms = [waveform(handed.samples[utterance.name]) for utterance in handed.utterances]
    transcribe(waveforms[0])  # the first one pays for what is made at the first call
    started = time.perf_counter()
    texts = [transcribe(samples) for samples in waveforms]
    return Heard(texts, time.perf_counter() - started)


def report(handed: Model, heard: Heard) -> dict[str, Any]:
    """Of what was heard: how many texts are another than the trainer's, the CER, and the speed."""
    pairs = list(zip(handed.utterances, heard.texts, strict=True))
    differing = [utterance.name for utterance, text in pairs if text.strip() != utterance.heard.strip()]
    seconds = sum(len(handed.samples[utterance.name]) for utterance in handed.utterances) / SAMPLE_RATE
    return {
        "differing_texts": differing,
        "cer": cer((utterance.said, text) for utterance, text in pairs),
        "real_time_factor": round(heard.seconds / seconds, 4),
    }


def cer(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Of (said, heard), as the table counts: characters but for spaces. None where nothing was said."""
    counts = sum(
        (count_errors(said.replace(" ", ""), heard.replace(" ", "")) for said, heard in pairs), start=ErrorCounts()
    )
    return counts.errors / counts.length if counts.length else None


def largest_difference(expected: Mapping[str, np.ndarray], made: Mapping[str, np.ndarray]) -> float:
    """Between numbers of outputs of the same names; infinite where one is none, or the shapes are not the same.

    What is NaN in `expected` is not compared; that all of it is, is no agreement.
    """
    found = []
    for name, array in expected.items():
        compared, other = ~np.isnan(array), np.asarray(made[name])
        if array.shape != other.shape or not compared.any():
            return np.inf
        difference = np.abs(array - other)[compared].max()
        found.append(float(difference) if np.isfinite(difference) else np.inf)
    return max(found)


def allowed(expected: Iterable[np.ndarray]) -> float:
    """By how much another library's kernels may differ from these numbers."""
    return max(LARGEST, *(OF_LARGE * float(np.abs(array).max()) for array in expected))


def demand(name: str, difference: float, differing: Sequence[str] = (), largest: float = LARGEST) -> None:
    """Raise StepError for an export that is not what was trained."""
    advice = "this export is not published; tell the makers of this workflow, with this log"
    if not difference <= largest:
        raise StepError(
            f"{name} makes numbers that differ by {difference:.2g} from the trainer's, and at most {largest:.2g} is "
            f"allowed: {advice}"
        )
    if differing:
        raise StepError(
            f"{name} hears something else than the trainer's code in {len(differing)} utterances, the first of them "
            f"{differing[0]}: {advice}"
        )
