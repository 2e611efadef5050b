"""Every key that the documents name is one, and the table of decision 5 names the tests that show its rows."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import CODE, LINES, Piece, places
from tests.workflow import describe_config
from tests.workflow.conftest import REPOSITORY
from tests.workflow.test_docs_commands import snakemakes
from tests.workflow.test_keys import EFFECTS, TABLE, Effect, keys_of
from tests.workflow.test_rules import RULES as PARSED

DECISIONS = REPOSITORY / "docs/decisions"
PROFILES = sorted((REPOSITORY / "profiles").glob("*/config.yaml"))
OTHERS_WORDS = {"ve-fairseq", "qemu-user", "nvidia-smi", "slowmo_base_algorithm", "precompute_mask_config"}
RULES = {rule.name for rule in PARSED}
IMPORTED = {f"mandarin_{name}" for name in RULES | {"all"}}  # as docs/reproduce.md imports them
SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
KEYS = set(keys_of(SCHEMA))
CATALOGUES = "|".join(SCHEMA["properties"])


def nested(value: Any) -> Iterator[str]:
    """The names of all keys of a file, whole (a.b) and each alone."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield str(key)
        yield from (f"{key}.{name}" for name in nested(inner))
        yield from nested(inner)


@cache
def recipes_keys() -> set[str]:
    """Those of the recipes, and of all that fairseq and ESPnet know as they were published."""
    files = [*(REPOSITORY / "config").glob("*/*.yaml"), *(REPOSITORY / "tests/fidelity").glob("published_*.yaml")]
    published = json.loads((REPOSITORY / "tests/fidelity/published_pretrain_config.json").read_text())
    return {key for file in files for key in nested(yaml.safe_load(file.read_text()))} | set(nested(published))


@cache
def profiles_keys() -> set[str]:
    """Options of Snakemake, as a profile has them, and resources."""
    resources = {key for file in PROFILES for key in nested(yaml.safe_load(file.read_text()))}
    executors = {"gpus", "gpu_model", "nodes", "gres"}  # of the executor for SLURM, which the profile does without
    resources.add("faster")  # of the rule pretrain, which leaves it empty
    return {option.removeprefix("--") for option in snakemakes()._option_string_actions} | resources | executors


@cache
def words_of_the_code() -> str:
    """Of scripts, and the names of the folders, modules and functions of the tests."""
    scripts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "scripts").rglob("*.py")]
    tests = [path for path in (REPOSITORY / "tests").rglob("*") if path.suffix in ("", ".py")]
    sources = [path.read_text(encoding="utf-8") for path in tests if path.suffix == ".py"]
    functions = [name for source in sources for name in re.findall(r"^def (\w+)", source, re.MULTILINE)]
    return "\n".join([*scripts, *functions, *(path.stem for path in tests)])


@cache
def schemas_keys() -> set[str]:
    return {part for key in KEYS for part in key.split(".")} - {"*"}


@places(LINES, lambda piece: re.findall(rf"(?<![\w./])(({CATALOGUES})\.[\w*-]+\.\w+)", piece.text))
def test_a_key_of_the_config_exists(piece: Piece, named: list[tuple[str, str]]) -> None:
    for whole, catalogue in named:
        assert f"{catalogue}.*.{whole.split('.')[-1]}" in KEYS, whole


@places(CODE, lambda piece: re.match(r"[a-z][\w-]*: ", piece.text) and piece.text.split(": "))
def test_a_key_that_is_given_a_value_exists(piece: Piece, named: list[str]) -> None:
    """`key: value` of the config or a profile; of a profile also `section: rule: resource` and `rule: resource`."""
    first, second, *_ = named
    if first in ("set-resources", "default-resources"):
        assert set(named[1:]) <= RULES | profiles_keys()
    elif first in RULES:
        assert second in profiles_keys()
    else:
        assert first in schemas_keys() | profiles_keys()


@places(CODE, lambda piece: re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)+", piece.text))
def test_a_word_that_looks_like_a_key_is_one(piece: Piece, named: re.Match[str]) -> None:
    """Or a rule, or a word of the code: of a sidecar, of SLURM's reasons, a test."""
    known = schemas_keys() | profiles_keys() | recipes_keys() | RULES | OTHERS_WORDS | IMPORTED
    assert named[0] in known or re.search(rf"\b{named[0]}\b", words_of_the_code())


@places(CODE, lambda piece: re.match(r"([a-z_]+\.[a-z_.]+[a-z])(?: in the recipe|$)", piece.text))
def test_a_key_of_a_recipe_exists(piece: Piece, named: re.Match[str]) -> None:
    section, last = named[1].split(".")[0], named[1].split(".")[-1]
    if (
        last in ("onnx", "safetensors")
        or section not in {key.split(".")[0] for key in recipes_keys()}
        or section in SCHEMA["properties"]
    ):
        return  # a file, or a module
    table = (DECISIONS / "0002-differences-from-the-published-run.md").read_text(encoding="utf-8")
    assert named[1] in recipes_keys() or f"`{named[1]}`" in table  # tests/fidelity compares the table


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.parent.name)
def test_every_key_of_a_profile_is_an_option_of_snakemake(profile: Path) -> None:
    keys = {f"--{key}" for key in yaml.safe_load(profile.read_text(encoding="utf-8"))}
    assert keys - set(snakemakes()._option_string_actions) == set()


def rows() -> list[list[str]]:
    """The cells of the table of decision 5."""
    text = (DECISIONS / "0005-reruns-by-content.md").read_text(encoding="utf-8")
    table = text.split("\n| change | runs again | test |\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]


def effects_in(change: str) -> dict[str, Effect]:
    """What test_keys expects of the keys in a row; `path` is one in any catalogue."""
    named = re.findall(r"`([\w.*]+)`", change)
    return {key: effect for key, effect in EFFECTS.items() for name in named if f".{key}".endswith(f".{name}")}


@cache
def all_tests() -> set[str]:
    """The tests of tests/workflow."""
    sources = (file.read_text(encoding="utf-8") for file in (REPOSITORY / "tests/workflow").glob("test_*.py"))
    return {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_of_decision_5_names_the_tests_that_show_it(row: list[str]) -> None:
    change, _, shown = row
    tests = re.findall(r"`(\w+)`", shown)
    assert tests and set(tests) <= all_tests()
    assert not effects_in(change) or "test_what_a_key_runs_again" in tests


@pytest.mark.parametrize("row", [row for row in rows() if effects_in(row[0])], ids=lambda row: row[0])
def test_a_row_of_decision_5_says_of_keys_what_is_expected_of_them(row: list[str]) -> None:
    change, again, _ = row
    for key, effect in effects_in(change).items():
        assert effect.asks == ("on request" in again), key
        assert (not effect.rules) == again.startswith("nothing"), key
        assert (effect.rules == TABLE) == (again == "table"), key


def test_every_key_stands_in_decision_5() -> None:
    assert {key for change, *_ in rows() for key in effects_in(change)} == KEYS


def test_the_list_of_all_keys_is_the_schemas() -> None:
    """python -m tests.workflow.describe_config writes it."""
    assert describe_config.README.read_text(encoding="utf-8") == describe_config.text()
    named = re.findall(r"^\| `([\w.\[\]-]+)` \|", describe_config.text(), re.MULTILINE)
    assert {name.replace("NAME", "*").replace("[]", ".*") for name in named} == KEYS
