"""What nearly says what is held out."""

import random

import ahocorasick
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.tables import NEAR_COLUMNS, UTTERANCE_COLUMNS
from scripts.corpora.census import HELDOUT_COLUMNS
from scripts.corpora.drop_leakage import said_first
from scripts.corpora.near_leaks import CONTAINS, LESS, MORE, NUMBERS, OTHER, HeldOut, Near, near_leaks
from scripts.corpora.numerals import in_digits

HELD = ["今天天气很好", "再见", "打开收音机吧", "二零一六年的夏天", "增长15", "好"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("今天天汽很好", Near("今天天气很好", OTHER)),
        ("明天天气很好", Near("今天天气很好", OTHER)),
        ("今天天气很坏", Near("今天天气很好", OTHER)),
        ("今天的天气很好", Near("今天天气很好", MORE)),
        ("今天天气很好啊", Near("今天天气很好", MORE)),  # it is contained, too: the smaller difference is named
        ("天天气很好", Near("今天天气很好", LESS)),
        ("今天气很好", Near("今天天气很好", LESS)),
        ("我想今天天气很好", Near("今天天气很好", CONTAINS)),
        ("打开收音机吧今天天气很好", Near("打开收音机吧", CONTAINS)),  # as long: the first
        ("今天天气很好二零一六年的夏天", Near("二零一六年的夏天", CONTAINS)),  # the longest
        ("天今天气很好", None),  # two exchanged: two edits
        ("今天天很气好", None),
        ("今天气很坏", None),
        ("我们再见了吧", None),  # contained, but only two characters
        ("再", Near("再见", LESS)),
        ("再会", Near("再见", OTHER)),
        ("我", None),  # nothing in common with 好
        ("好的", Near("好", MORE)),
        ("2016年的夏天", Near("二零一六年的夏天", NUMBERS)),
        ("二〇一六年的夏天", Near("二零一六年的夏天", OTHER)),
        ("两千零一十六年的夏天", None),  # numerals in both
        ("增长百分之十五", Near("增长15", NUMBERS)),
        ("增长百分之五十", None),
        ("", None),
    ],
)
def test_by_hand(key: str, expected: Near | None) -> None:
    assert HeldOut(HELD).nearest(key) == expected


def test_nothing_held_out() -> None:
    assert HeldOut([]).nearest("今天天气很好2016") is None
    assert HeldOut([""]).nearest("好") is None


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (("2016年", "二零一六年", "二〇一六年", "两千零一十六年"), "2016年"),
        (("123", "一百二十三"), "123"),
        (("15", "十五", "百分之十五"), "15"),  # 15%
        (("20", "二十"), "20"),
        (("250", "二百五十", "二百五"), "250"),
        (("205", "二百零五"), "205"),
        (("35000", "三万五", "3万5", "三万五千", "3万5千"), "3万5000"),
        (("10002", "一万零二"), "1万2"),
        (("120000000", "一亿二千万", "12000万"), "1亿2000万"),
        (("一万亿", "1万亿"), "10000亿"),
        (("122亿", "十二点二亿", "一百二十二亿"), "122亿"),  # 12.2亿
        (("05", "零点五"), "05"),  # 0.5
        (("05万", "零点五万"), "05万"),
        (("12345", "一百二十三点四五"), "1万2345"),  # 123.45
        (("12204亿", "十二点二零四亿"), "12204亿"),
        (("110", "幺幺零"), "110"),
        (("三四十",), "34十"),  # thirty or forty
        (("万一",), "万1"),
        (("三点",), "3点"),
        (("今天",), "今天"),
    ],
)
def test_numbers_in_one_form(ways: tuple[str, ...], expected: str) -> None:
    assert {way: in_digits(way) for way in ways} == dict.fromkeys(ways, expected)


def in_chinese(value: int) -> str:
    """A number below 10**8 as it is read, by another way than the one back."""
    digits = "零一二三四五六七八九"
    if value < 10:
        return digits[value]
    for unit, name in ((10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if value >= unit:
            head, rest = divmod(value, unit)
            gap = "零" if 0 < rest < unit // 10 else ""
            return in_chinese(head) + name + (gap + in_chinese(rest) if rest else "")
    raise AssertionError


@given(st.integers(0, 10**8 - 1))
def test_every_number_is_found_by_its_numerals(value: int) -> None:
    assert in_digits(in_chinese(value)) == in_digits(str(value))


@given(st.text("零一二十百千万亿点0123百分之年", max_size=60))
def test_numbers_of_any_form_have_one(text: str) -> None:
    assert isinstance(in_digits(text), str)
    assert in_digits("9" * 5000 + "亿" * 5000 + text)


SENTENCES = st.lists(st.text("甲乙丙", max_size=9), max_size=6)


def distance(one: str, other: str) -> int:
    """Levenshtein's, by recursion over prefixes."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


@given(SENTENCES, st.text("甲乙丙", max_size=12))
def test_against_plain_definitions(held: list[str], key: str) -> None:
    if key in held:
        return
    found = HeldOut(held).nearest(key)
    near = [other for other in held if distance(key, other) == 1 and min(len(key), len(other)) > 0]
    near = [other for other in near if len(key) != len(other) or len(key) > 1]
    contained = [other for other in held if len(other) >= 6 and other in key]
    if near:
        assert found.key in near
        assert found.difference == {-1: LESS, 0: OTHER, 1: MORE}[len(key) - len(found.key)]
    elif contained:
        assert found.difference == CONTAINS and len(found.key) == max(map(len, contained)) and found.key in contained
    else:
        assert found is None


def test_the_table_begins_with_the_longest_and_counts_phrases() -> None:
    said = ["今天天气很好吗", "我想值得一提的是", "值得一提的是他", "他说值得一提的是她", "再见吧", "Ａ再见"]
    rows = [(f"U{i}", "S", "train", f"{i}.wav", 1, transcript) for i, transcript in enumerate(said)]
    held = [
        ("D1", "dev", "今天，天气很好。"),
        ("T1", "test", "值得一提的是"),
        ("T2", "test", "值得一提的是"),
        ("T3", "test", "再见"),
    ]
    first = said_first(pd.DataFrame(held, columns=HELDOUT_COLUMNS))
    near = near_leaks(pd.DataFrame(rows, columns=UTTERANCE_COLUMNS, index=[7, 3, 9, 4, 5, 8]), first)
    assert list(near.columns) == NEAR_COLUMNS
    assert list(near.itertuples(index=False, name=None)) == [
        ("U0", "今天天气很好吗", "D1", "dev", "今天，天气很好。", MORE, 6, 1),
        ("U1", "我想值得一提的是", "T1", "test", "值得一提的是", CONTAINS, 6, 3),
        ("U2", "值得一提的是他", "T1", "test", "值得一提的是", MORE, 6, 3),
        ("U3", "他说值得一提的是她", "T1", "test", "值得一提的是", CONTAINS, 6, 3),
        ("U4", "再见吧", "T3", "test", "再见", MORE, 2, 2),
        ("U5", "Ａ再见", "T3", "test", "再见", MORE, 2, 2),
    ]
    assert list(near.index) == [7, 3, 9, 4, 5, 8]  # rows of the utterances


def test_the_order_of_what_is_held_out_does_not_matter() -> None:
    held = ["今天天气很好", "今天天气很坏", "明天天气很好"]
    found = {HeldOut(random.Random(seed).sample(held, 3)).nearest("今天天气很行") for seed in range(9)}
    assert found == {Near("今天天气很坏", OTHER)}  # U+574F before U+597D


def test_the_automaton_compares_characters_and_no_bytes() -> None:
    assert ahocorasick.unicode
