"""What an error rate counts, by the key `metric` of a task: the one place where transcripts are taken apart for it."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.common.text import characters, mixed, words


@dataclass(frozen=True)
class Metric:
    """`name`, `title`: of the rate, in tables and in words; `unit`: what is counted; `tokens`: takes a transcript apart
    into it; `between`: what stands between two where they are written down.
    """

    name: str
    title: str
    unit: str
    tokens: Callable[[str], list[str]]
    between: str = " "


METRICS = {
    "cer": Metric("CER", "character error rate", "character", characters, between=""),
    "wer": Metric("WER", "word error rate", "word", words),
    "mer": Metric("MER", "mixed error rate", "token", mixed),
}
