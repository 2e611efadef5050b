"""What was heard, in each format: beside values worked out by hand."""

import json

import pytest

from scripts.transcribe.heard import Heard, Said, Token, subtitles, written


def tokens(text: str, start: float, each: float = 0.25) -> list[Token]:
    return [
        Token(character, start + number * each, start + (number + 1) * each) for number, character in enumerate(text)
    ]


TWO = Heard("talk", 30.0, [Said(0.0, 10.0, tokens("你好", 1.0)), Said(12.0, 20.0, tokens("a b", 3599.9, 60))])


def test_text_has_a_line_a_piece() -> None:
    assert written(TWO, "text") == "你好\na b\n"
    assert written(Heard("silence", 3.0, [Said(0, 3, [])]), "text") == "\n"


def test_kaldi() -> None:
    assert written(TWO, "kaldi") == "talk 你好 a b\n"
    assert written(Heard("silence", 3.0, [Said(0, 3, [])]), "kaldi") == "silence\n"


def test_subtitles_of_both_kinds() -> None:
    assert written(TWO, "srt") == (
        "1\n00:00:01,000 --> 00:00:01,500\n你好\n\n"
        "2\n00:59:59,900 --> 01:00:59,900\na\n\n"  # longer than a subtitle may be, so that b has one of its own
        "3\n01:01:59,900 --> 01:02:59,900\nb\n\n"
    )
    assert written(TWO, "vtt").startswith("WEBVTT\n\n00:00:01.000 --> 00:00:01.500\n你好\n\n")
    marked = Heard("x", 1.0, [Said(0, 1, tokens("<i>&", 0.0))])
    assert "&lt;i&gt;&amp;" in written(marked, "vtt")


def test_json() -> None:
    found = json.loads(written(TWO, "json"))
    assert (found["file"], found["seconds"], found["text"]) == ("talk", 30.0, "你好 a b")
    assert found["pieces"][0] == {
        "start": 0.0,
        "end": 10.0,
        "text": "你好",
        "tokens": [{"text": "你", "start": 1.0, "end": 1.25}, {"text": "好", "start": 1.25, "end": 1.5}],
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (tokens("hello world", 0), ["hello world"]),
        (tokens("hello", 0) + tokens(" world", 5), ["hello", "world"]),  # a pause
        (tokens("one two three four", 0, 0.5), ["one two", "three four"]),  # 9 s; words stay whole
        (tokens("你" * 22, 0, 0.1), ["你" * 21, "你"]),  # 42 columns
        (tokens("用wav to text吧", 0, 0.1), ["用wav to text吧"]),
        ([], []),
        (tokens("  ", 0), []),
    ],
)
def test_where_subtitles_part(said: list[Token], expected: list[str]) -> None:
    assert [text for _, _, text in subtitles([Said(0, 60, said)])] == expected
