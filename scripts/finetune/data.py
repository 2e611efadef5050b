"""The data of a fine-tuning: its files, and what of them decides what is learnt."""

from pathlib import Path

from scripts.common import digests, files

OF_A_SUBSET = ("wav.scp", "text", "speech_shape", "text_shape.char")
FILES = ("tokens.txt", *(f"{subset}/{name}" for subset in ("train", "dev") for name in OF_A_SUBSET))


def data_digest(data: Path) -> str:
    """What is said by whom and how long it takes; wav.scp is left out, as a corpus may move."""
    parts = [data / subset / name for subset in ("train", "dev") for name in ("text", "speech_shape")]
    return digests.digest([files.sha256(path) for path in [*parts, data / "tokens.txt"]])
