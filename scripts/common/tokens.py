"""The tokens of a CTC model: the characters of transcripts, and those that ESPnet knows by name."""

from collections.abc import Iterable

BLANK, UNKNOWN, SPACE, END = "<blank>", "<unk>", "<space>", "<sos/eos>"


def tokens_of(transcript: str, word_boundary: bool) -> list[str]:
    """Of a normalised transcript; a space between two words is a token, or none where there is no `word_boundary`."""
    characters = transcript if word_boundary else transcript.replace(" ", "")
    return [SPACE if character == " " else character for character in characters]


def text_of(tokens: Iterable[str]) -> str:
    """What tokens say, as ESPnet's tokens2text puts it together."""
    return "".join(" " if token == SPACE else token for token in tokens)
