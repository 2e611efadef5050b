"""The commands of rules, read from the Snakefiles themselves."""

import ast
import re
from functools import cache
from pathlib import Path

from scripts.common import digests
from scripts.common.code import code_digest

_RULE = re.compile(r"^(?:rule|checkpoint) (\w+):\n((?:[ \t].*\n|\n)*)", re.MULTILINE)
_SHELL = re.compile(r"^    shell:\n((?:        .*\n)+)", re.MULTILINE)


@cache
def commands(folder: Path) -> dict[str, str]:
    """The text of each rule's `shell`, by rule, of all Snakefiles in a folder."""
    found = {}
    for file in sorted(folder.glob("*.smk")):
        for rule, body in _RULE.findall(file.read_text(encoding="utf-8")):
            if shell := _SHELL.search(body):
                found[rule] = ast.literal_eval(f"({shell[1]})")
    return found


def step_digest(folder: Path, rule: str) -> str:
    """A digest of a rule's command, and of the module that it runs; the module may lie elsewhere, unchanged."""
    command = commands(folder)[rule]
    (module,) = re.findall(r"python -m (\S+)", command)
    return digests.digest([[word for word in command.split() if word != module], code_digest(module)])
