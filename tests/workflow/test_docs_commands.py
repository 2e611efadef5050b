"""Every command line in the documents, comments and the Makefile's head parses, and what it calls exists.

A case is a place, file:line. Commands of others (squeue, conda, apptainer) are not looked at.
"""

import argparse
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import snakemake.cli

from tests.documents import CODE, COMMENTED, LINES, Piece, calls_of, places
from tests.workflow.conftest import REPOSITORY

# Whose words ARGS of make are, where they are not Snakemake's.
OF_THEIR_OWN = {"status": "scripts.cluster.status", "prune": "scripts.cluster.prune"}
OTHERS_FLAGS = {"--requeue": "sbatch", "--nv": "apptainer"}


class Parser(Exception):
    """The parser of a module, taken out of its main()."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser that a module hands its words to."""

    def stop(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        raise Parser(parser)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parser) as caught:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", [module])
        is_package = importlib.util.find_spec(module).submodule_search_locations is not None
        importlib.import_module(f"{module}.__main__" if is_package else module).main()
    return caught.value.parser


@cache
def snakemakes() -> argparse.ArgumentParser:
    return snakemake.cli.get_argument_parser()


def parse(parser: argparse.ArgumentParser, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser.allow_abbrev = False
    try:
        parser.parse_args(words)
    except SystemExit as end:
        assert end.code == 0, f"{' '.join(words)}: {capsys.readouterr().err.splitlines()[-1]}"


def parse_pytests(words: list[str], config: pytest.Config) -> None:
    known, unknown = config._parser.parse_known_and_unknown_args(words)
    assert unknown == []
    assert all((REPOSITORY / path).exists() for path in known.file_or_dir)


def modules(piece: Piece) -> list[str]:
    return re.findall(r"python -m ([\w.]+)", piece.text)


@places(CODE, modules)
def test_a_module_exists(piece: Piece, named: list[str]) -> None:
    for module in named:
        assert importlib.util.find_spec(module) is not None, module


@places(CODE, lambda piece: [m for m in modules(piece) if m.startswith(("scripts.", "tests."))])
def test_a_call_of_a_module_parses(piece: Piece, named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for module in named:
        calls = calls_of(piece, module)
        assert calls, piece.text
        for words in calls:
            if words:  # its name alone is not a command
                parse(parser_of(module), words, capsys)
        explained = re.findall(r"(?<=[ #])--[\w-]+", piece.text.partition(" #")[2])
        assert set(explained) <= set(parser_of(module)._option_string_actions)


@places(CODE, lambda piece: calls_of(piece, "snakemake"))
def test_a_call_of_snakemake_parses(piece: Piece, named: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    for words in named:
        parse(snakemakes(), words, capsys)


@places(CODE, lambda piece: calls_of(piece, "pytest"))
def test_a_call_of_pytest_parses(piece: Piece, named: list[list[str]], request: pytest.FixtureRequest) -> None:
    for words in named:
        parse_pytests(words, request.config)


@cache
def targets() -> set[str]:
    """What make can be asked for."""
    database = subprocess.run(["make", "-pRrq", ":"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    return set(re.findall(r"^([\w./-]+):(?!=)", database, re.MULTILINE))


def calls_of_make(piece: Piece) -> list[list[str]]:
    """In code, and in brackets of comments; the head of the Makefile is a list of calls with explanations."""
    if piece.file.name == "Makefile":
        return calls_of(Piece(piece.file, piece.line, re.split(r"\s{2,}", piece.text)[0], ""), "make")
    if piece in CODE:
        return calls_of(piece, "make")
    return [[target] for target in re.findall(r"[(,] ?make ([\w./-]+)", piece.text)]


@places([*CODE, *(piece for piece in LINES if piece.file in COMMENTED)], calls_of_make)
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_call_of_make(
    piece: Piece, named: list[list[str]], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    known = (REPOSITORY / "Makefile").read_text() + (REPOSITORY / "workflow/envs/install.sh").read_text()
    for words in named:
        variables = dict(word.split("=", 1) for word in words if "=" in word)
        asked = [word for word in words if "=" not in word]
        assert set(asked) <= targets(), asked
        for name, value in variables.items():
            assert re.search(rf"\$[({{$]*{name}\b", known), name
            if name != "ARGS":
                continue
            if asked == ["test"]:
                parse_pytests(value.split(), request.config)
            else:
                module = OF_THEIR_OWN.get(asked[0])
                parse(parser_of(module) if module else snakemakes(), value.split(), capsys)


def flag(piece: Piece) -> str | None:
    return match[0] if (match := re.match(r"--?[A-Za-z][\w-]*(?= |$)", piece.text)) else None


@places(CODE, flag)
def test_a_flag_is_known_to_somebody(piece: Piece, named: str, request: pytest.FixtureRequest) -> None:
    sources = [path for folder in ("scripts", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    ours = set(re.findall(r'add_argument\("(--[\w-]+)"', text))
    pytests = {name for option in request.config._parser._anonymous.options for name in option.names()}
    pytests |= {name for group in request.config._parser._groups for o in group.options for name in o.names()}
    assert named in {*snakemakes()._option_string_actions, *ours, *pytests, *OTHERS_FLAGS}
