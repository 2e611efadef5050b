"""What the documents say in code: pieces of text with the place at which they stand."""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
COMMENTED = [
    *(REPOSITORY / name for name in ("Makefile", "Snakefile")),
    *sorted(file for folder in ("config", "profiles", "workflow") for file in (REPOSITORY / folder).rglob("*.yaml")),
]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Piece:
    """A line or a span of code. `language`: that of a block (sh, bash or none), None for a span within a sentence."""

    file: Path
    line: int
    text: str
    language: str | None = None

    def __str__(self) -> str:
        return f"{self.file.relative_to(REPOSITORY)}:{self.line}"


def lines_of(file: Path) -> Iterator[Piece]:
    """Every line of a document; of other files, every comment."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if file.suffix == ".md":
            yield Piece(file, number, line)
        elif comment := re.search(r"(?:^|\s)#+ (.*)", line):
            yield Piece(file, number, comment[1])


def code_of(file: Path) -> Iterator[Piece]:
    """Every span within sentences, and every line of a block; a line that ends in a backslash goes on in the next."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".md":
        for piece in lines_of(file):
            yield from (Piece(file, piece.line, span) for span in SPAN.findall(piece.text))
        return

    def line(place: int) -> int:
        return text.count("\n", 0, place) + 1

    for block in FENCE.finditer(text):
        for match in re.finditer(r".+?(?<!\\)$", block[2], re.MULTILINE | re.DOTALL):
            words = re.sub(r"\\\n\s*", " ", match[0]).strip()
            yield Piece(file, line(block.start(2) + match.start()), words, block[1])
    sentences = FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    for span in SPAN.finditer(sentences):
        yield Piece(file, line(span.start()), " ".join(span[1].split()))


LINES = [piece for file in [*DOCUMENTS, *COMMENTED] for piece in lines_of(file)]
CODE = [piece for file in [*DOCUMENTS, *COMMENTED] for piece in code_of(file)]


def places(pieces: list[Piece], matches: Callable[[Piece], Any]) -> pytest.MarkDecorator:
    """A case for each piece of which `matches` gives something: the piece, and that."""
    found = [(piece, match) for piece in pieces if (match := matches(piece))]
    assert found, "nothing of the kind is in any document: either goes, the test or what it looks for"
    return pytest.mark.parametrize(("piece", "named"), found, ids=[str(piece) for piece, _ in found])


def calls_of(piece: Piece, *programs: str) -> list[list[str]]:
    """The words behind one of these programs in each command of a piece; `python -m PROGRAM` is PROGRAM.

    Words that stand for others (...) are left out, and so is what only the shell sees.
    """
    if "#" in piece.text and piece.language is not None:
        piece = Piece(piece.file, piece.line, re.sub(r"(^|\s)#.*", "", piece.text), piece.language)
    found = []
    for command in re.split(r"&&|\|\|?|;|\s2?> ?\S+", piece.text):
        command = re.sub(r"\S*\bpython -m ", "", command.strip())
        command = re.sub(r"^(?:[A-Z_]+=\S* )+", "", command)
        program, _, rest = command.partition(" ")
        if program in programs:
            found.append([word for word in shlex.split(rest) if word != "..."])
    return found


def slug(heading: str) -> str:
    """What a heading is called in a link, as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
