"""Every path in the documents and comments leads somewhere, some rule makes every result, and functions exist.

A case is a place, file:line. A function is named with its file as `path/file.py`: `function` (or Class.method, or a
rule of a .smk file).
"""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.documents import CODE, COMMENTED, DOCUMENTS, LINES, Piece, places, slug
from tests.parallel import once
from tests.workflow.conftest import REPOSITORY, environment_of_fakes
from tests.workflow.test_plans import roots

PATH = r"[\w./*<>{},-]*[\w*/>}]"
RESULT = re.compile(rf"(?<![\w/.*-])(?:runs/[\w-]+/)?((?:results|logs|benchmarks)/{PATH})")
FOLDERS = r"scripts|tests|config|docs|workflow|profiles|\.ci"
FILES = r"Snakefile|Makefile|CITATION\.cff|[A-Z]+\.md"
OURS = re.compile(rf"(?<![\w/.$-])((?:{FOLDERS})/(?:{PATH})?|(?:{FILES})\b)")


def as_pattern(path: str) -> str:
    """A regular expression for a path with *, <rule>, {dev,test}, ... and words in capitals that stand for others."""
    parts = re.split(r"(\*|<\w+>|\{[\w,]+\}|\.\.\.|(?<![A-Za-z])[A-Z]+(?![A-Za-z]))", path.rstrip("/"))
    for number in range(1, len(parts), 2):
        if parts[number] == "...":
            parts[number] = ".+"
        elif parts[number][0] == "{":
            parts[number] = f"(?:{'|'.join(parts[number][1:-1].split(','))})"
        else:
            parts[number] = "[^/]+"
    return "".join(part if number % 2 else re.escape(part) for number, part in enumerate(parts))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that the published experiment writes, were audio converted and a model exported, and the folders around."""
    planned = (once(tmp_path_factory, "docs", plan) / "plan").read_text(encoding="utf-8")
    lines = re.findall(r"^    (?:output|log|benchmark): (.*)", planned, re.MULTILINE)
    files = {Path(path.removesuffix(" (update)")) for line in lines for path in line.split(", ")}
    return sorted({str(path) for file in files for path in (file, *file.parents)})


def plan(directory: Path) -> None:
    roots(directory, "AISHELL-2/iOS/data", "data_aishell")
    exported = {"name": "wav2vec2-aishell1", "what": "recogniser", "finetuning": "aishell1", "from": "best"}
    more = {"corpora": {"aishell2": {"convert": True}}, "exports": [exported]}
    (directory / "converted.yaml").write_text(yaml.safe_dump(more))
    configs = ["--configfile", "config/config.yaml", directory / "converted.yaml"]
    words = ["snakemake", "-n", "--cores", "1", "--directory", directory, *configs]
    call = subprocess.run(words, cwd=REPOSITORY, env=environment_of_fakes(), capture_output=True, text=True)
    assert call.returncode == 0, call.stderr
    (directory / "plan").write_text(call.stdout + call.stderr, encoding="utf-8")


@places(LINES, lambda piece: RESULT.findall(piece.text))
def test_some_rule_makes_a_result(piece: Piece, named: list[str], made: list[str]) -> None:
    for path in named:
        path = re.sub(r"/work(/.*)?$", "", path)  # undeclared, beside an output: decision 1
        pattern = re.compile(as_pattern(path))
        assert any(pattern.fullmatch(one) for one in made), path


def exists(path: str) -> bool:
    """In the repository. Decisions are called by their number, too."""
    alternatives = re.search(r"\{([\w,]+)\}", path)
    if alternatives:
        return all(exists(path.replace(alternatives[0], word)) for word in alternatives[1].split(","))
    if re.fullmatch(r"docs/decisions/\d{4}", path):
        path += "-*"
    return any(True for _ in REPOSITORY.glob(path.rstrip("/")))


@places(LINES, lambda piece: OURS.findall(piece.text))
def test_a_path_of_the_repository_exists(piece: Piece, named: list[str]) -> None:
    assert [path for path in named if not exists(path)] == []


@places(CODE, lambda piece: re.fullmatch(r"[\w-]+\.(?:py|smk|sh)", piece.text))
def test_a_file_that_is_named_without_its_folder_exists(piece: Piece, named: re.Match[str]) -> None:
    files = REPOSITORY.rglob(named[0])
    written = f"> {named[0]}" in piece.file.read_text(encoding="utf-8")  # by a command of the document itself
    assert written or any(".venv" not in path.parts for path in files)


LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


@places(LINES, lambda piece: [] if piece.file in COMMENTED else LINK.findall(piece.text))
def test_a_link_within_the_repository_leads_somewhere(piece: Piece, named: list[tuple[str, str]]) -> None:
    for target in map("".join, named):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = piece.file.parent / path if path else piece.file
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(slug, headings), target


STOP = re.compile(r"`([\w./]+\.(?:py|smk)|Snakefile)`:\s+`([\w.]+)`")


def names_in(file: Path) -> set[str]:
    """Functions, classes and methods (Class.method) of a module; of a Snakefile also rules."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return set(re.findall(r"^(?:def|rule|checkpoint) (\w+)", text, re.MULTILINE))
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def test_a_function_that_is_named_with_its_file_exists() -> None:
    for document in DOCUMENTS:
        for path, function in STOP.findall(document.read_text(encoding="utf-8")):
            assert (REPOSITORY / path).is_file(), f"{document.name}: {path}"
            assert function in names_in(REPOSITORY / path), f"{document.name}: {path} has no {function}"


def test_functions_are_looked_for_as_they_are_written() -> None:
    assert STOP.findall("1. Read: `scripts/a/b.py`: `main`, and") == [("scripts/a/b.py", "main")]
    assert {"list_utterances", "concatenate"} <= names_in(REPOSITORY / "workflow/rules/corpora.smk")
    assert {"Piece", "Piece.__str__", "lines_of"} <= names_in(REPOSITORY / "tests/documents.py")


def test_the_readers_walk_has_ten_stops() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    walk = re.search(r"^## From a wav to a number.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert walk is not None
    stops = re.split(r"^\d+\. ", walk[0], flags=re.MULTILINE)[1:]
    assert len(stops) == 10 and all(STOP.search(stop) for stop in stops)


def test_all_documents_are_read() -> None:
    assert len(DOCUMENTS) > 8 and {piece.file for piece in CODE} >= set(DOCUMENTS)
