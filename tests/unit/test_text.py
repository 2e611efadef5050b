"""One spelling for the same words."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.common.text import characters, leakage_key, lower, mixed, normalise, without_punctuation, words


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("而 对 楼市 成交", "而对楼市成交"),
        ("\ufeff而 对", "而对"),
        ("而 对\r\n", "而对"),
        ("ＡＴＭ机", "ATM机"),
        ("ｗｉｆｉ　ｉｓ　ｏｎ", "wifi is on"),
        ("我\u3000们", "我们"),
        ("１２３，。！", "123,。!"),  # U+3002 has no ASCII twin
        ("打开 wi fi 吧", "打开wi fi吧"),
        ("听 beat it", "听beat it"),
        ("听beat it", "听beat it"),
        ("beat \t  it", "beat it"),
        (" \r\n", ""),
        ("", ""),
        ("！Ａ～", "!A~"),  # the first and the last of the full-width twins
        ("T恤衫", "T恤衫"),
        ("ABC abc", "ABC abc"),
        ("café au lait", "café au lait"),
        ("né le matin", "né le matin"),
        ("привет мир", "привет мир"),
        ("안녕 하세요", "안녕 하세요"),
        ("λόγος\u0387 και", "λόγος\u00b7 και"),  # U+00B7 stands in Chinese, too
        ("сім\u02bcя і", "сім\u02bcя і"),  # U+02BC in Thai
        ("mɔ\u0323 bí", "mɔ\u0323 bí"),  # U+0323 in kana
        ("听 beat 音乐", "听beat音乐"),
        ("人 々 が", "人々が"),
        ("二 〇 一", "二〇一"),
        ("ラ ー メン", "ラーメン"),
        ("ㄅ ㄆ", "ㄅㄆ"),
        ("ภาษา ไทย ๒", "ภาษาไทย๒"),
        ("ພາສາ ລາວ", "ພາສາລາວ"),
        ("ភាសា\u200bខ្មែរ", "ភាសាខ្មែរ"),
        ("မြန်မာ ဘာသာ", "မြန်မာဘာသာ"),
        ("a\u200bb", "a b"),
        ("好 。a", "好。a"),
        ("大韓 민국", "大韓민국"),  # beside one of them is enough
        ("ｅ\u0301te\u0301", "été"),
        ("か \u3099い", "がい"),  # the space that stood before the accent goes first
        ("葛\U000e0100 飾\ufe00", "葛飾"),  # variation selectors
        ("听 \u0301 b", "听\u0301b"),
        ("\uf967 \ufa30", "不侮"),  # canonically U+4E0D and U+4FAE
        ("ﬁ ² Å", "ﬁ ² Å"),  # what is only compatible stays
        ("今\u200c天\u200d天\u2060气\u00ad好", "今天天气好"),  # joiners, a soft hyphen
        ("\u202b今天\u202c\u200f 天气\u2069好\u061c", "今天天气好"),  # bidi marks
        ("今\x00天\x1b天\x7f气\x85好", "今天天气好"),  # U+0085 is white space, the others are no characters
        ("co\u00adop e\u200d\u0301t\u034fe", "coop éte"),  # the accent comes to its letter
        ("\u3164안녕\u115f 하세요", "안녕 하세요"),  # fillers
        ("\ufffe今\U0010ffff天\ufff9\U000e0041", "今天"),  # no characters, annotations, tags
        ("今\ue000天\ufffd", "今\ue000天\ufffd"),  # what somebody has written or lost counts
        ("\u0600١", "\u0600١"),  # of the format characters, but has a shape
        ("\u200b\u200d\ufeff", ""),
    ],
)
def test_normalise(given_text: str, expected: str) -> None:
    assert normalise(given_text) == expected


# text that is rich in what the rules speak of, beside any text
SEEN = "而对ab １Ａ\u3000\r\n\t\u00a0！é。\u2028カーไпе안\u0301\u3099·'’-Σİ\ue000\ufffd①⽂ﬁ\u0600"
UNSEEN = "\ufeff\u200c\u200d\u200e\u202e\u2060\u00ad\ufe0f\U000e0101\u180b\u034f\u3164\x00\x7f\ufff9\U000e0041\ufffe"
MIXED = st.text(alphabet=SEEN + UNSEEN + "\u200b") | st.text()


@given(MIXED)
def test_normalise_is_idempotent(transcript: str) -> None:
    assert normalise(normalise(transcript)) == normalise(transcript)


@given(MIXED)
def test_normalised_text_is_composed(transcript: str) -> None:
    assert unicodedata.is_normalized("NFC", normalise(transcript))


@pytest.mark.parametrize("choice", [lower, without_punctuation])
@given(MIXED)
def test_choices_are_idempotent_and_leave_text_normalised(choice: Callable[[str], str], transcript: str) -> None:
    chosen = choice(normalise(transcript))
    assert chosen == choice(chosen) == normalise(chosen)


def is_unseen(character: str) -> bool:
    """By another way than the code's: categories, and the ranges of DerivedCoreProperties.txt."""
    code = ord(character)
    ignorable = [(0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164)]
    ignorable += [(0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF), (0x2065, 0x2065)]
    shaped = [(0x600, 0x605), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2), (0x110BD, 0x110CD)]
    shaped += [(0x13430, 0x1345F)]
    is_format = unicodedata.category(character) in ("Cc", "Cf") and not any(a <= code <= b for a, b in shaped)
    is_none = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return is_format or is_none or any(a <= code <= b for a, b in ignorable)


@given(st.text(SEEN, max_size=8), st.text(UNSEEN, max_size=8), st.randoms())
def test_marks_that_nobody_sees_are_no_characters_and_hide_nothing(seen: str, unseen: str, chance) -> None:
    """Wherever they stand: what is left is the same text, spelt the same."""
    mixed = list(seen)
    for mark in unseen:
        mixed.insert(chance.randint(0, len(mixed)), mark)
    assert normalise("".join(mixed)) == normalise(seen)
    assert leakage_key("".join(mixed)) == leakage_key(seen)
    assert not any(is_unseen(character) for character in characters(normalise("".join(mixed))))


@given(MIXED)
@example("\u0339 \u0334")
def test_normalise_loses_no_character_of_the_language(transcript: str) -> None:
    def folded(text: str) -> str:
        kept = "".join(c for c in unicodedata.normalize("NFKC", text) if not (c.isspace() or is_unseen(c)))
        return unicodedata.normalize("NFKC", kept)  # accents that a space stood between change their order

    assert folded(normalise(transcript)) == folded(transcript)


@given(MIXED)
def test_normalised_text_fits_in_a_table(transcript: str) -> None:
    text = normalise(transcript)
    assert not {"\t", "\r", "\n"} & set(text)
    assert text == text.strip()
    assert "  " not in text


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("ATM机 ABC", "atm机abc"),
        ("Straße ПРИВЕТ Élan", "straße привет élan"),
        ("ΟΔΟΣ ΣΟΦΙΑ", "οδος σοφια"),
        ("İZMİR", "i̇zmi̇r"),  # not Turkish: the letter of its own stays two
    ],
)
def test_lower_case(given_text: str, expected: str) -> None:
    assert lower(normalise(given_text)) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("今天，天气“好”。", "今天天气好"),
        ("卡尔·马克思", "卡尔马克思"),
        ("Don't, l’amour — 'tis dogs'!", "Don't l'amour tis dogs"),
        ("porte-monnaie hello,world", "porte monnaie hello world"),
        ("col·legi צה״ל rock'n'roll", "col·legi צה״ל rock'n'roll"),
        ("¿Qué? U.S.A. 3.14 50%", "Qué U S A 3 14 50"),
        ("1 + 1 = 2 €", "1 + 1 = 2 €"),  # symbols are no punctuation
        ("...", ""),
    ],
)
def test_without_punctuation(given_text: str, expected: str) -> None:
    assert without_punctuation(normalise(given_text)) == expected


def test_words_stand_between_spaces() -> None:
    assert words("打开wi fi") == ["打开wi", "fi"]
    assert words(" a  b ") == ["a", "b"]
    assert words("") == []


def test_characters_do_without_white_space() -> None:
    assert characters("听beat it") == ["听", "b", "e", "a", "t", "i", "t"]
    assert characters("") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("今天天气好", "今天 天气 好"),
        ("今天，天气好！", "今天天气好"),
        ("今天,天气好.", "今天，天气好。"),
        ("打开 ＷｉＦｉ", "打开wifi"),
        ("Beat It", "beat it"),
        ("５＋３＝８", "538"),
        ("百分之５", "百分之5"),
        ("今\u200b天天\u200d气好", "今天天气好"),
        ("今天\u202e天气\u00ad好", "今天天气好"),
        ("今天天\ufe00气好\U000e0101", "今天天气好"),
        ("\uf967今\u2f24", "不今大"),  # a compatibility ideograph, and a radical for 大
        ("今天\x07天气\ue5e5好\ufffd", "今天天气好"),  # a bell, private use, a replacement
        ("ﬁne ① ½", "fine 1 1/2"),
        ("iPhone™ ⑴ ㎏ 5℃", "iphone 1 kg 5°C"),
        ("ﾊﾟﾘ", "パリ"),
    ],
)
def test_the_same_sentence_has_the_same_key(one: str, other: str) -> None:
    assert leakage_key(one) == leakage_key(other)


def test_other_sentences_have_other_keys() -> None:
    assert len({leakage_key(text) for text in ("今天", "今天天", "天今", "今天5", "今天五")}) == 5


@given(MIXED)
def test_a_key_is_its_own_key_and_that_of_the_normalised_transcript(transcript: str) -> None:
    assert leakage_key(leakage_key(transcript)) == leakage_key(transcript) == leakage_key(normalise(transcript))


@pytest.mark.parametrize(
    ("transcript", "tokens"),
    [
        ("", []),
        ("the cat", ["the", "cat"]),
        ("打开wi fi吧", ["打", "开", "wi", "fi", "吧"]),
        ("用iPhone15、x", ["用", "iPhone15", "、", "x"]),
        ("カーの don't", ["カ", "ー", "の", "don't"]),
        ("한국 말", ["한국", "말"]),
    ],
)
def test_mixed_tokens(transcript: str, tokens: list[str]) -> None:
    assert mixed(transcript) == tokens
