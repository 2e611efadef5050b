"""How Chinese characters sound: which substitutions are homophones, and which sounds are taken for one another."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache

import regex
from pypinyin import Style, pinyin
from pypinyin.constants import PHRASES_DICT
from pypinyin.contrib.tone_convert import to_finals, to_initials, to_tone3

# What a substitution may be, from the nearest to the farthest sound.
HOMOPHONE, TONE, INITIAL, FINAL, SYLLABLE = "homophone", "tone", "initial", "final", "syllable"
DISTANCES = [HOMOPHONE, TONE, INITIAL, FINAL, SYLLABLE]

RARE = 0.05  # the share of a character's phrases below which a reading is left out

_CHINESE, _OF_OTHERS = regex.compile(r"\p{Han}"), regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Hangul}]")


def is_chinese(characters: Iterable[tuple[str, int]]) -> bool:
    """Whether more than half of the characters, given with their counts, are Chinese, and none is kana or hangul.

    What is written alike is not told apart: Cantonese gets the pinyin that Mandarin has.
    """
    counts = list(characters)
    chinese = sum(count for character, count in counts if _CHINESE.match(character))
    others = any(_OF_OTHERS.match(character) for character, _ in counts)
    return not others and 2 * chinese > sum(count for _, count in counts)


@cache
def readings(character: str) -> tuple[str, ...]:
    """The syllables that a character may stand for, the usual one first: xing2, hang2; a neutral tone is 5.

    None for what is no Chinese character. Source: pypinyin's dictionary of characters. Of its rarer readings those
    remain that its phrases have more than once in twenty (of 行 not heng2, of 石 not dan4), and neutral tones, which
    particles have. The words around a character are not looked at: that takes ten times as long as to align them.
    """
    found = pinyin(character, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True, errors="ignore")
    syllables = dict.fromkeys(found[0] if found else [])
    usual = next(iter(syllables), None)
    counts = _in_phrases()[character]
    often = counts.total() * RARE
    return tuple(s for s in syllables if s in (usual, f"{toneless(s)}5") or counts[s] > often)


@cache
def _in_phrases() -> defaultdict[str, Counter[str]]:
    """How often each character is read in which way in pypinyin's phrases."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for phrase, syllables in PHRASES_DICT.items():
        if len(phrase) == len(syllables):
            for character, (syllable, *_) in zip(phrase, syllables, strict=True):
                counts[character][_with_number(syllable)] += 1
    return counts


@cache
def _with_number(syllable: str) -> str:
    return to_tone3(syllable, neutral_tone_with_five=True)


def toneless(syllable: str) -> str:
    """xing of xing2."""
    return syllable.rstrip("12345")


def distance(said: str, heard: str) -> str:
    """What tells two syllables apart: the tone, the initial (of the same final, whatever its tone), the final, or all.

    y and w count as initials: yi and qi differ in the initial.
    """
    if said == heard:
        return HOMOPHONE
    if toneless(said) == toneless(heard):
        return TONE
    if to_finals(said, strict=False) == to_finals(heard, strict=False):
        return INITIAL
    return FINAL if to_initials(said, strict=False) == to_initials(heard, strict=False) else SYLLABLE


@cache
def compare(said: str, heard: str) -> tuple[str, str, str] | None:
    """The readings of two characters that are nearest to one another, behind what tells them apart.

    The nearer the sound, the likelier is that reading the one that was meant: 行 for 航 is hang2. None where one of the
    two has no reading.
    """
    found = [(distance(one, other), one, other) for one in readings(said) for other in readings(heard)]
    return min(found, key=lambda pair: DISTANCES.index(pair[0]), default=None)
