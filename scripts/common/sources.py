"""What vouches for the audio of a corpus that a step reads: utterances.tsv, or the folder of what was converted."""

from pathlib import Path

from scripts.common import sidecars


def root_of(source: Path, root: Path) -> Path:
    """Where paths of utterances lead from: the folder of converted audio, or the corpus's own root."""
    return source if source.is_dir() else root


def audio_of(source: Path) -> dict[str, str]:
    """Of each subset a digest of what its audio is; nothing of a hand-made list."""
    return sidecars.read(source).get("audio", {})
