"""Tokens of transcripts, against ESPnet's own tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.text import normalise
from scripts.common.tokens import text_of, tokens_of

TRANSCRIPTS = st.text(alphabet="上海ab é安 ") | st.text()


@pytest.mark.parametrize(
    ("transcript", "word_boundary", "tokens"),
    [
        ("né le", True, ["n", "é", "<space>", "l", "e"]),
        ("né le", False, ["n", "é", "l", "e"]),
        ("打开wi fi吧", True, ["打", "开", "w", "i", "<space>", "f", "i", "吧"]),
        ("打开wi fi吧", False, ["打", "开", "w", "i", "f", "i", "吧"]),
        ("", True, []),
    ],
)
def test_tokens(transcript: str, word_boundary: bool, tokens: list[str]) -> None:
    assert tokens_of(transcript, word_boundary) == tokens


@given(TRANSCRIPTS)
def test_text_comes_back(said: str) -> None:
    transcript = normalise(said)
    assert text_of(tokens_of(transcript, True)) == transcript
    assert text_of(tokens_of(transcript, False)) == "".join(transcript.split())


@given(TRANSCRIPTS)
def test_tokens_are_espnets(said: str) -> None:
    """Of the text that ESPnet is given, which is what it takes the tokens and their number from."""
    tokenizer = pytest.importorskip("espnet2.text.char_tokenizer", reason="ESPnet is not installed").CharTokenizer()
    for word_boundary in (True, False):
        tokens = tokens_of(normalise(said), word_boundary)
        assert tokenizer.text2tokens(text_of(tokens)) == tokens
        assert tokenizer.tokens2text(tokens) == text_of(tokens)


@given(st.lists(TRANSCRIPTS.map(normalise).filter(bool), min_size=1))
def test_espnet_reads_what_is_written(tmp_path_factory: pytest.TempPathFactory, transcripts: list[str]) -> None:
    read = pytest.importorskip("espnet2.fileio.read_text", reason="ESPnet is not installed").read_2columns_text
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join(f"u{number} {said}\n" for number, said in enumerate(transcripts)), encoding="utf-8")
    assert list(read(path).values()) == transcripts
