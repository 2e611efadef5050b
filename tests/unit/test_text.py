"""One spelling for the same words."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.common.text import characters, leakage_key, normalise


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
        ("café au lait", "caféau lait"),  # as documented: no space beside what is not ASCII
    ],
)
def test_normalise(given_text: str, expected: str) -> None:
    assert normalise(given_text) == expected


# text that is rich in what the rules speak of, beside any text
MIXED = st.text(alphabet="而对ab １Ａ\u3000\ufeff\r\n\t\u00a0！é。\u2028") | st.text()


@given(MIXED)
def test_normalise_is_idempotent(transcript: str) -> None:
    assert normalise(normalise(transcript)) == normalise(transcript)


@given(MIXED)
@example("\u0339 \u0334")
def test_normalise_loses_no_character_of_the_language(transcript: str) -> None:
    def folded(text: str) -> str:
        kept = "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c != "\ufeff")
        return unicodedata.normalize("NFKC", kept)  # accents that a space stood between change their order

    assert folded(normalise(transcript)) == folded(transcript)


@given(MIXED)
def test_normalised_text_fits_in_a_table(transcript: str) -> None:
    text = normalise(transcript)
    assert not {"\t", "\r", "\n"} & set(text)
    assert text == text.strip()
    assert "  " not in text


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
    ],
)
def test_the_same_sentence_has_the_same_key(one: str, other: str) -> None:
    assert leakage_key(one) == leakage_key(other)


def test_other_sentences_have_other_keys() -> None:
    assert len({leakage_key(text) for text in ("今天", "今天天", "天今", "今天5", "今天五")}) == 5
