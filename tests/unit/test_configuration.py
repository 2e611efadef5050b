"""A wrong config ends in one sentence that names the key and what to do."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.common.configuration import check, corpora_in_use
from scripts.common.errors import StepError
from scripts.common.users import scored_of
from scripts.corpora.formats.known import FORMATS
from scripts.reruns.numbers import labels

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
SHIPPED = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
OVERLAYS = sorted(path.name for path in (REPOSITORY / "config").glob("*.yaml") if path.name != "config.yaml")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The paper's experiment, in a working directory that has its corpora."""
    monkeypatch.chdir(tmp_path)
    for corpus in SHIPPED["corpora"].values():
        (tmp_path / corpus["root"]).mkdir(parents=True)
    return copy.deepcopy(SHIPPED)


def sentence(config: dict[str, Any]) -> str:
    """What is said of a config that is wrong."""
    with pytest.raises(StepError) as caught:
        check(config, SCHEMA, REPOSITORY, FORMATS)
    message = str(caught.value)
    assert "\n" not in message
    return message


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """As `snakemake --configfile` merges: dictionaries merge, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def test_the_shipped_config_passes(config: dict[str, Any]) -> None:
    check(config, SCHEMA, REPOSITORY, FORMATS)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_shipped_overlays_pass(config: dict[str, Any], name: str) -> None:
    merged = merge(config, yaml.safe_load((REPOSITORY / "config" / name).read_text(encoding="utf-8")))
    for corpus in merged["corpora"].values():
        Path(corpus["root"]).mkdir(parents=True, exist_ok=True)
    check(merged, SCHEMA, REPOSITORY, FORMATS)


def test_what_may_be_left_out_is_filled_in(config: dict[str, Any]) -> None:
    config["corpora"]["aishell2"]["case"] = "lower"
    check(config, SCHEMA, REPOSITORY, FORMATS)
    spellings = {name: (corpus["case"], corpus["punctuation"]) for name, corpus in config["corpora"].items()}
    task = config["finetuning"]["aishell1"]
    assert (task["word_boundary"], task["published"]) == (False, "config/published.tsv")
    assert (task["test"], scored_of(task)) == ("test", ["dev", "test"])
    assert spellings == {"aishell1": ("keep", "keep"), "aishell2": ("lower", "keep")}


def test_several_test_sets(config: dict[str, Any]) -> None:
    task = config["finetuning"]["aishell1"]
    task["test"] = ["test-clean", "test2"]
    check(config, SCHEMA, REPOSITORY, FORMATS)
    assert scored_of(task) == ["dev", "test-clean", "test2"]
    task["test"] = ["test-clean", "train"]
    assert sentence(config).startswith(
        'config key finetuning.aishell1.test.1 is "train", but has to be of another form'
    )


def test_the_overlay_of_the_page_on_another_language_passes(config: dict[str, Any], tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/another-language.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    block, further, only = (yaml.safe_load(block.replace("/home/me", str(tmp_path))) for block in blocks)
    for recipe in ("pretrain.yaml", "finetune.yaml", "further.yaml"):
        assert f"/home/me/{recipe}" in page
        (tmp_path / recipe).touch()
    (tmp_path / "corpora/russian").mkdir()
    merged = merge(config, block)
    check(merged, SCHEMA, REPOSITORY, FORMATS)
    assert corpora_in_use(merged) == {"russian"}
    merged = merge(merged, further)
    check(merged, SCHEMA, REPOSITORY, FORMATS)
    assert labels(merged)["russian-further"] == "XLSR-53, then russian-further"
    check(merge(config, only), SCHEMA, REPOSITORY, FORMATS)


def set_in(config: dict[str, Any], key: str, value: Any) -> None:
    """Set a.b.c; a number is a place in a list."""
    *parents, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in parents:
        config = config[part]
    config[last] = value


MANDARIN, TASK, ENGLISH = "pretraining.mandarin", "finetuning.aishell1", "checkpoints.english"


@pytest.mark.parametrize(
    ("key", "value", "saying"),
    [
        (f"{MANDARIN}.validation_fraction", 0, "is 0, but has to be above 0 (share of the utterances held out"),
        (f"{MANDARIN}.validation_fraction", 1, "is 1, but has to be at most 0.5 (share of"),
        (f"{MANDARIN}.validation_fraction", "1%", 'is "1%", but has to be a number (share of'),
        (f"{MANDARIN}.validation_fraction", "1e-2", "has to be a number: YAML takes it for a text, write 0.01 ("),
        (f"{TASK}.learning_rates.0", "2e-4", "has to be a number: YAML takes it for a text, write 0.0002 (a learning"),
        (f"{TASK}.learning_rates.0", 0, "is 0, but has to be above 0"),
        (f"{TASK}.learning_rates", [], "is [], but has to be a list of at least 1"),
        (f"{TASK}.learning_rates", 0.0002, "is 0.0002, but has to be a list (peak learning rates"),
        (f"{TASK}.learning_rates", [0.1, 0.1], "is [0.1, 0.1], but has to be a list that names nothing twice"),
        (f"{TASK}.mask_prob", 1.5, "is 1.5, but has to be at most 1"),
        (f"{TASK}.mask_prob", "some", 'is "some", but has to be a number or null'),
        (f"{MANDARIN}.updates", "4e5", "has to be a whole number: YAML takes it for a text, write 400000"),
        (f"{MANDARIN}.updates", 400000.0, "is 400000.0, but has to be a whole number"),
        (f"{MANDARIN}.best", "maybe", 'is "maybe", but has to be true or false'),
        (f"{MANDARIN}.effective_gpus", 0, "is 0, but has to be at least 1"),
        (f"{MANDARIN}.seed", True, "is true, but has to be a whole number"),
        (f"{ENGLISH}.sha256", "abc", 'is "abc", but has to be of another form (its SHA-256 in 64 hexadecimal digits'),
        ("corpora.aishell1.format", "htk", f'is "htk", but has to be {" or ".join(sorted(FORMATS))}'),
        ("corpora.aishell1.root", "", 'is "", but has to be a text that is not empty (its directory'),
        (f"{TASK}.word_boundary", "yes", 'is "yes", but has to be true or false (whether transcripts have words'),
        (f"{TASK}.published", "none.tsv", "is not a file: mend it"),
        (f"{TASK}.metric", "per", 'is "per", but has to be cer or wer or mer (what the table shows'),
        (f"{TASK}.metric", "wer", "is wer, which counts words: set word_boundary, so that their ends are learnt"),
        (f"{TASK}.test", "dev", 'is "dev", but has to be of another form (its test set, or a list of several'),
        (f"{TASK}.test", "test_clean", "has to be of another form (its test set"),
        (f"{TASK}.test", [], "is [], but has to be a list of at least 1 (its test set"),
        (f"{TASK}.test", ["test", "test"], "has to be a list that names nothing twice"),
        ("corpora.aishell1.case", "fold", 'is "fold", but has to be keep or lower (keep leaves letters'),
        ("corpora.aishell1.punctuation", False, "is false, but has to be keep or drop"),
        ("corpora.aishell1", None, "is null, but has to be a section with keys of its own"),
        ("experiments", [], "is [], but has to be a list of at least 1"),
    ],
)  # fmt: skip
def test_wrong_values(config: dict[str, Any], key: str, value: Any, saying: str) -> None:
    set_in(config, key, value)
    message = sentence(config)
    assert re.match(rf"config key {re.escape(key)}[ :]", message)
    assert saying in message


@pytest.mark.parametrize(
    ("section", "wrong", "right"),
    [
        ("", "experiment", "experiments"),
        (MANDARIN, "validation_fracton", "validation_fraction"),
        (TASK, "learning_rate", "learning_rates"),
        ("experiments.0", "form", "from"),
    ],
)
@pytest.mark.parametrize("in_an_overlay", [True, False])
def test_misspelt_key(config: dict[str, Any], section: str, wrong: str, right: str, in_an_overlay: bool) -> None:
    """In an overlay the right key is still there, from config.yaml."""
    inner: Any = config
    for part in filter(None, section.split(".")):
        inner = inner[int(part) if part.isdigit() else part]
    inner[wrong] = inner[right] if in_an_overlay else inner.pop(right)
    key = f"{section}.{wrong}".lstrip(".")
    assert sentence(config) == f"config key {key} is not known: did you mean {right}?"


def test_misspelt_key_that_may_be_left_out(config: dict[str, Any]) -> None:
    config["corpora"]["aishell1"]["punctation"] = "drop"
    assert sentence(config) == "config key corpora.aishell1.punctation is not known: did you mean punctuation?"


def test_key_that_resembles_none(config: dict[str, Any]) -> None:
    config["checkpoints"]["english"]["zzz"] = 1
    expected = "config key checkpoints.english.zzz is not known: the keys here are label, path, sha256, url"
    assert sentence(config) == expected


@pytest.mark.parametrize("name", ["My_Corpus", "2024", 2024])
def test_name_that_cannot_stand_in_a_path(config: dict[str, Any], name: Any) -> None:
    config["corpora"][name] = config["corpora"]["aishell1"]
    assert sentence(config) == (
        f"config key corpora.{name} is not known: the keys here are names in lower case, such as aishell1"
    )


def test_missing_key(config: dict[str, Any]) -> None:
    del config["pretraining"]["mandarin"]["seed"]
    expected = "config key pretraining.mandarin.seed is missing: seed of initialisation, masks and batches"
    assert sentence(config) == expected
    del config["experiments"]
    assert sentence(config).startswith("config key experiments is missing: what goes into the table")


@pytest.mark.parametrize(
    ("key", "value", "saying"),
    [
        (f"{MANDARIN}.corpus", "aishell3", "there is no aishell3 in corpora (known: aishell1, aishell2)"),
        (f"{TASK}.corpus", "aishell", "there is no aishell in corpora (known: aishell1, aishell2)"),
        ("corpora.aishell2.without_transcripts_of", ["aishell1", "thchs30"], "there is no thchs30 in corpora (known: "),
        (
            "experiments.0.from",
            ["mandarin", "germn"],
            "there is no germn in pretraining or checkpoints (known: english, mandarin)",
        ),
        ("experiments.0.finetuning", "aishell2", "there is no aishell2 in finetuning (known: aishell1)"),
        ("pretraining.mandarin.start_from", "mandarin", "there is no mandarin in checkpoints (known: english)"),
    ],
)
def test_unknown_names(config: dict[str, Any], key: str, value: Any, saying: str) -> None:
    set_in(config, key, value)
    assert sentence(config).startswith(f"config key {key}: {saying}")


ONE = {"name": "one", "what": "recogniser", "finetuning": "aishell1", "from": "best"}
OTHER = {"name": "other", "what": "encoder", "from": "mandarin/after-50000-updates"}


@pytest.mark.parametrize(
    ("exports", "key", "saying"),
    [
        ([ONE, OTHER | {"name": "one"}], "0.name", "two exports are called one: rename one"),
        ([ONE | {"name": "One"}], "0.name", 'is "One", but has to be of another form'),
        (
            [OTHER, {"name": "a", "what": "recogniser", "from": "best"}],
            "1.finetuning",
            "there is no None in finetuning",
        ),
        ([ONE | {"finetuning": "other"}], "0.finetuning", "there is no other in finetuning (known: aishell1)"),
        ([OTHER | {"finetuning": "aishell1"}], "0.finetuning", "encoder is not fine-tuned, leave it out"),
        ([OTHER | {"from": "best"}], "0.from", "best is a row of the table, for recognisers alone"),
        ([OTHER | {"from": "french/best"}], "0.from", "there is no french in pretraining or checkpoints (known: "),
        ([OTHER | {"from": "mandarin/after-7-updates"}], "0.from", "mandarin has no after-7-updates (known: after-0-"),
        ([ONE | {"from": "english/best"}], "0.from", "english has no best (known: given)"),
        ([ONE | {"from": "mandarin"}], "0.from", 'is "mandarin", but has to be of another form'),
    ],
)
def test_exports(config: dict[str, Any], exports: list[dict[str, str]], key: str, saying: str) -> None:
    config["exports"] = exports
    assert re.match(rf"config key exports\.{key}:? {re.escape(saying)}", sentence(config)), sentence(config)


@pytest.mark.parametrize("start", ["mandarin/after-400000-updates", "mandarin/after-0-updates", "english/given"])
def test_what_may_be_exported(config: dict[str, Any], start: str) -> None:
    config["exports"] = [ONE, OTHER, OTHER | {"name": "more", "from": start}]
    check(config, SCHEMA, REPOSITORY, FORMATS)


def test_name_in_both_catalogues(config: dict[str, Any]) -> None:
    config["checkpoints"]["mandarin"] = config["checkpoints"]["english"]
    assert sentence(config) == "config: mandarin is both in pretraining and in checkpoints: rename one"


@pytest.mark.parametrize("milestones", [[50, 20], [20, 20], [20, 400_001], [0, 20, 10]])
def test_milestones(config: dict[str, Any], milestones: list[int]) -> None:
    config["pretraining"]["mandarin"]["milestones"] = milestones
    assert sentence(config) == (
        f"config key pretraining.mandarin.milestones: {milestones} has to ascend "
        "and end at or before updates (400000): mend the one or the other"
    )


def test_milestones_may_begin_with_0_and_end_with_the_run(config: dict[str, Any]) -> None:
    config["pretraining"]["mandarin"]["milestones"] = [0, 400_000]
    check(config, SCHEMA, REPOSITORY, FORMATS)


def test_corpus_root_that_is_not_there(config: dict[str, Any], tmp_path: Path) -> None:
    config["corpora"]["aishell2"]["root"] = "corpora/elsewhere"
    assert sentence(config) == (
        f"config key corpora.aishell2.root: corpora/elsewhere is not a directory (seen from {tmp_path}): "
        "set it to where the corpus is unpacked"
    )
    config["experiments"][0]["from"] = ["english"]
    check(config, SCHEMA, REPOSITORY, FORMATS)  # a corpus that no experiment reads need not be there


def test_corpora_in_use(config: dict[str, Any]) -> None:
    assert corpora_in_use(config) == {"aishell1", "aishell2"}
    config["corpora"]["aishell2"]["without_transcripts_of"] = ["thchs30"]
    assert corpora_in_use(config) == {"aishell1", "aishell2", "thchs30"}
    config["experiments"][0]["from"] = ["english"]
    assert corpora_in_use(config) == {"aishell1"}


@pytest.mark.parametrize("catalogue", [MANDARIN, TASK])
def test_recipe_that_is_not_there(config: dict[str, Any], catalogue: str) -> None:
    set_in(config, f"{catalogue}.recipe", "config/none.yaml")
    assert sentence(config) == (
        f"config key {catalogue}.recipe: {REPOSITORY / 'config/none.yaml'} is not a file: mend it"
    )


def test_every_key_of_the_schema_has_a_description() -> None:
    whole = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))

    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        if "$ref" in schema:
            schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        found = [] if "description" in schema else [path]
        for key in ("properties", "patternProperties"):
            for name, inner in schema.get(key, {}).items():
                found += undescribed(inner, f"{path}.{name}")
        assert schema.get("type") != "object" or schema["additionalProperties"] is False, path
        return found

    assert undescribed(whole, "config") == []
