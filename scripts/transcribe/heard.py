"""What was heard of a file, as text, JSON, subtitles or Kaldi's text."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["text", "json", "srt", "vtt", "kaldi"]
ENDING: dict[str, str] = {"text": "txt", "json": "json", "srt": "srt", "vtt": "vtt", "kaldi": "txt"}
GAP = 1.0  # seconds without a token that part two subtitles
LONGEST = 6.0  # seconds of one subtitle, the most that guides for subtitlers allow
WIDEST = 42  # characters of one subtitle: the same guides' line; Chinese ones are twice as wide


@dataclass(frozen=True)
class Token:
    """A character as it is written; seconds from the begin of what was heard to the begin and end of its frames."""

    text: str
    start: float
    end: float

    def later(self, seconds: float) -> "Token":
        """The same, heard so much later."""
        return Token(self.text, self.start + seconds, self.end + seconds)


def text(tokens: list[Token]) -> str:
    """What is said, as the table's transcripts have it."""
    return "".join(token.text for token in tokens).strip()


@dataclass(frozen=True)
class Said:
    """A piece of a recording, seconds from its begin, and the tokens in it with times from there, too."""

    start: float
    end: float
    tokens: list[Token]

    @property
    def text(self) -> str:
        return text(self.tokens)


@dataclass
class Heard:
    """All of a recording: its name, length in seconds, and pieces in their order."""

    name: str
    seconds: float = 0.0
    pieces: list[Said] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(filter(None, (piece.text for piece in self.pieces)))


def written(heard: Heard, form: Format) -> str:
    """A recording in one of the formats; it ends with a line break."""
    if form == "json":
        return json.dumps(_as_json(heard), ensure_ascii=False) + "\n"
    if form == "srt":
        return "".join(
            f"{number}\n{_time(start, ',')} --> {_time(end, ',')}\n{words}\n\n"
            for number, (start, end, words) in enumerate(subtitles(heard.pieces), 1)
        )
    if form == "vtt":
        cues = (
            f"{_time(start, '.')} --> {_time(end, '.')}\n{_escaped(words)}\n\n"
            for start, end, words in subtitles(heard.pieces)
        )
        return "WEBVTT\n\n" + "".join(cues)
    if form == "kaldi":
        name = "_".join(heard.name.split())  # Kaldi's ids end at a space
        return f"{name} {heard.text}".rstrip() + "\n"
    return "".join(f"{piece.text}\n" for piece in heard.pieces if piece.text) or "\n"


def _as_json(heard: Heard) -> dict[str, object]:
    pieces = [
        {
            "start": round(piece.start, 3),
            "end": round(piece.end, 3),
            "text": piece.text,
            "tokens": [
                {"text": token.text, "start": round(token.start, 3), "end": round(token.end, 3)}
                for token in piece.tokens
            ],
        }
        for piece in heard.pieces
    ]
    return {"file": heard.name, "seconds": round(heard.seconds, 3), "text": heard.text, "pieces": pieces}


def subtitles(pieces: Iterable[Said]) -> Iterator[tuple[float, float, str]]:
    """Begin, end and text of each: tokens that follow one another, parted at pauses and where one gets too long; words
    of alphabets stay whole.
    """
    for piece in pieces:
        line: list[Token] = []
        for word in _words(piece.tokens):
            if line and _is_full(line, word):
                yield line[0].start, line[-1].end, text(line)
                line = []
            line += word if line else [token for token in word if token.text.strip()]
        if text(line):
            yield line[0].start, line[-1].end, text(line)


def _words(tokens: list[Token]) -> Iterator[list[Token]]:
    """What may not be parted: a character of Chinese, or a word with the space before it."""
    word: list[Token] = []
    for token in tokens:
        joins = word and _is_narrow(token.text) and _is_narrow(word[-1].text) and token.text.strip()
        if word and not joins:
            yield word
            word = []
        word.append(token)
    if word:
        yield word


def _is_full(line: list[Token], word: list[Token]) -> bool:
    width = sum(1 if _is_narrow(token.text) else 2 for token in (*line, *word))
    return word[0].start - line[-1].end > GAP or word[-1].end - line[0].start > LONGEST or width > WIDEST


def _is_narrow(character: str) -> bool:
    return character < "\u1100"


def _time(seconds: float, point: str) -> str:
    """hh:mm:ss,mmm"""
    milliseconds = round(1000 * seconds)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(words: str) -> str:
    """WebVTT takes these for the begin of markup."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
