"""Transcripts: one spelling for the same words, in any script.

Corpora mix full-width and ASCII letters, carriage returns, byte order marks, composed and decomposed accents, and, in
languages that are written without them, spaces between words. What is normalised here is the form only: a character
is replaced by its canonical equivalent (NFC), or by the ASCII letter that it is the full-width twin of, and by nothing
else; and what nobody sees goes. docs/corpora.md says what becomes of each class of marks.
"""

import unicodedata

import regex

# U+FF01..U+FF5E are the full-width twins of ASCII 0x21..0x7E; U+3000 is the full-width space. U+200B has no width and
# parts words in scripts that are written without spaces.
_TO_ASCII = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0x200B: " "}

# Joiners, bidi marks, soft hyphens, variation selectors (all Default_Ignorable_Code_Point, as the byte order mark is),
# control and format characters; but for white space as Python has it, and for the few of category Cf that have a shape:
# signs of Arabic and Kaithi before a number (Prepended_Concatenation_Mark), joiners of hieroglyphs.
_UNSEEN = regex.compile(
    r"(?V1)[[\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}]"
    r"--[\p{White_Space}\x1C-\x1F\p{Prepended_Concatenation_Mark}\p{Script=Egyptian_Hieroglyphs}]]+"
)

# What tells no two sentences apart: punctuation, symbols (U+FFFD is one), space, what nobody sees, and private use.
_NOT_SAID = regex.compile(r"[\p{P}\p{S}\p{Z}\p{Cc}\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}]+")
_PLAIN = regex.compile(r"[\u4E00-\u9FFF]*")  # unified ideographs, which are their own key

# Scripts that are written without spaces between words. By Script_Extensions, so that ー counts, and 。 does; what they
# share with scripts that have spaces (·, the Ukrainian ʼ, a dot below) lies below U+0E00, but for one.
_WITHOUT_SPACES = ["Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar"]
_OF_THEM = "[[" + "".join(rf"\p{{scx={script}}}" for script in _WITHOUT_SPACES) + r"]--[\u0000-\u0DFF\uA92E]]"
_SPACE_BESIDE = regex.compile(rf"(?V1)(?<={_OF_THEM}[\p{{M}} ]*) | (?={_OF_THEM})")

_MIXED = regex.compile(rf"(?V1){_OF_THEM}|[^{_OF_THEM}]+")  # within a word

# What may stand within a word: l'amour, o’clock, col·legi, צה״ל.
_LETTER = rf"[\p{{L}}--{_OF_THEM}]"
_PUNCTUATION = regex.compile(rf"(?V1)(?<={_LETTER}\p{{M}}*)(['’·׳״])(?={_LETTER})|\p{{P}}")


def normalise(transcript: str) -> str:
    """The transcript as it stands in utterances.tsv, where the config asks for nothing else.

    Full-width letters, digits and punctuation become ASCII; what nobody sees goes (byte order marks, joiners, bidi
    marks, soft hyphens, variation selectors, control characters); accents are composed; white space (a carriage return
    too) is folded, and dropped beside any character of a script that is written without it, so that Chinese has no
    spaces, and English, Russian and Korean words keep theirs.
    """
    if _PLAIN.fullmatch(transcript):
        return transcript
    composed = unicodedata.normalize("NFC", _UNSEEN.sub("", transcript.translate(_TO_ASCII)))
    folded = " ".join(composed.split())
    return unicodedata.normalize("NFC", _SPACE_BESIDE.sub("", folded))  # an accent may have stood behind a space


def lower(transcript: str) -> str:
    """A normalised transcript in lower case as it is written: ß stays, and Σ at the end of a word becomes ς."""
    return normalise(transcript.lower())


def without_punctuation(transcript: str) -> str:
    """A normalised transcript with a space for each character of Unicode's category P, folded as all space is.

    Apostrophes and their like between two letters stay (’ becomes '), but for scripts that are written without spaces.
    """
    return normalise(_PUNCTUATION.sub(lambda found: (found[1] or " ").replace("’", "'"), transcript))


def characters(transcript: str) -> list[str]:
    """What a character error rate counts: the characters of a normalised transcript without white space."""
    return [character for character in transcript if not character.isspace()]


def words(transcript: str) -> list[str]:
    """What a word error rate counts: what stands between spaces."""
    return transcript.split()


def mixed(transcript: str) -> list[str]:
    """What a mixed error rate counts: characters of scripts that are written without spaces, and words of all others,
    also where they touch (打开wi fi上 has five).
    """
    return [token for word in transcript.split() for token in ([word] if word.isascii() else _MIXED.findall(word))]


def leakage_key(transcript: str) -> str:
    """Two transcripts with the same key are the same sentence.

    Case, spaces, punctuation, symbols, private use and compatible forms (ﬁ, ², ①, ㎏, the radical ⽂, half-width kana)
    do not tell them apart, nor does what `normalise` takes away.
    """
    if _PLAIN.fullmatch(transcript):
        return transcript
    said = regex.sub(r"[™℠\p{Sk}]", "", normalise(transcript))  # NFKC would make letters and accents of these
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", said).casefold())
    return unicodedata.normalize("NFC", _NOT_SAID.sub("", folded))  # what had parted a letter and its accent is gone
