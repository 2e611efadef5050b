"""Transcripts: one spelling for the same words.

AISHELL's files mix full-width and ASCII letters, carriage returns, byte order marks and spaces between words that
carry no information in Chinese. What is normalised here is the form only; no character of the language is replaced.
"""

import re
import unicodedata

# U+FF01..U+FF5E are the full-width twins of ASCII 0x21..0x7E; U+3000 is the full-width space.
_TO_ASCII = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xFEFF: None}
_SPACE_BESIDE_NON_ASCII = re.compile(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])")


def normalise(transcript: str) -> str:
    """The transcript as it stands in utterances.tsv.

    Full-width letters, digits and punctuation become ASCII; byte order marks go; white space (a carriage return
    too) is folded, and dropped beside any character that is not ASCII, so that Chinese has no spaces and English
    words keep theirs.
    """
    folded = " ".join(transcript.translate(_TO_ASCII).split())
    return _SPACE_BESIDE_NON_ASCII.sub("", folded)


def characters(transcript: str) -> list[str]:
    """What a character error rate counts: the characters of a normalised transcript without white space."""
    return [character for character in transcript if not character.isspace()]


def leakage_key(transcript: str) -> str:
    """Two transcripts with the same key are the same sentence: case, spaces and punctuation do not tell them apart."""
    return "".join(c for c in normalise(transcript).casefold() if unicodedata.category(c)[0] not in "PSZ")
