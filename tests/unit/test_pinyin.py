"""How characters sound, and what tells two of them apart; worked out by hand."""

import pytest

from scripts.evaluate.pinyin import compare, is_chinese, readings


@pytest.mark.parametrize(
    ("character", "syllables"),
    [
        ("四", ("si4",)),
        ("行", ("xing2", "hang2")),  # heng2 and hang4 are rare
        ("石", ("shi2",)),  # dan4, a measure of grain, too
        ("地", ("di4", "de5")),  # a particle, which hardly stands in a phrase
        ("绿", ("lv4", "lu4")),
        ("a", ()),
        ("。", ()),
    ],
)
def test_readings(character: str, syllables: tuple[str, ...]) -> None:
    assert readings(character) == syllables


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [
        ("是", "事", ("homophone", "shi4", "shi4")),
        ("航", "行", ("homophone", "hang2", "hang2")),  # not xing2
        ("的", "地", ("homophone", "de5", "de5")),
        ("马", "妈", ("tone", "ma3", "ma1")),
        ("一", "七", ("initial", "yi1", "qi1")),
        ("四", "十", ("initial", "si4", "shi2")),  # and the tone
        ("人", "仍", ("final", "ren2", "reng2")),
        ("三", "八", ("syllable", "san1", "ba1")),
        ("k", "八", None),
        ("八", "k", None),
    ],
)
def test_what_tells_two_characters_apart(said: str, heard: str, expected: tuple[str, str, str] | None) -> None:
    assert compare(said, heard) == expected


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        ({"今": 3, "天": 2}, True),
        ({"今": 3, "k": 2}, True),
        ({"今": 2, "k": 2}, False),
        ({"今": 9, "は": 1}, False),
        ({"a": 9}, False),
        ({}, False),
    ],
)
def test_what_has_pinyin(characters: dict[str, int], expected: bool) -> None:
    assert is_chinese(characters.items()) is expected
