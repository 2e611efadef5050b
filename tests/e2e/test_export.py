"""Exports of a demo with real trainers equal ESPnet and fairseq, and load where nothing of ours is."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from scripts.common.tables import read_utterances
from tests.e2e.small_demo import snakemake

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("transformers", "onnx", "onnxruntime")),
    reason="transformers or ONNX is not installed (workflow/envs/export.yaml)",
)

EXPORTS = [
    {"name": "digits", "what": "recogniser", "finetuning": "aishell1", "from": "best"},
    {"name": "milestone", "what": "pretraining", "from": "mandarin/best"},
    {"name": "encoder", "what": "encoder", "from": "mandarin/after-8-updates"},
]
FILES = {"config.json", "model.safetensors", "preprocessor_config.json", "parity.json", "README.md"}
RECOGNISER = FILES | {"vocab.json", "tokenizer_config.json", "model.onnx", "model.int8.onnx", "tokens.txt"}


def plan(work: Path) -> list[Path]:
    """The overlays of the small demo, and one that exports."""
    (work / "exports.yaml").write_text(yaml.safe_dump({"exports": EXPORTS}))
    return [Path("config/demo.yaml"), work / "small.yaml", work / "exports.yaml"]


@pytest.fixture(scope="module")
def work(copy_demo: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small demo, exported."""
    work = copy_demo(tmp_path_factory.mktemp("export") / "the work")
    said = snakemake(work, configs=plan(work))
    assert "texts are another than ESPnet's: transformers 0, onnx 0" in said, said
    return work


def test_what_lies_there(work: Path) -> None:
    folders = {path.name: {file.name for file in path.iterdir()} for path in (work / "results/export").iterdir()}
    assert folders.keys() == {"digits", "milestone", "encoder"}
    assert folders["digits"] >= RECOGNISER and folders["milestone"] >= FILES and folders["encoder"] >= FILES
    assert not list((work / "results/handed-over").rglob("*.*"))


def test_nothing_is_exported_again(work: Path) -> None:
    assert "Nothing to be done" in snakemake(work, "-n", configs=plan(work))


def test_the_table_and_its_config_know_nothing_of_it(work: Path, small_demo: Path) -> None:
    for path in ("results/cer.tsv", "results/config.yaml"):
        assert (work / path).read_bytes() == (small_demo / path).read_bytes()


def test_it_says_what_the_table_was_made_of(work: Path) -> None:
    """The utterances that are compared are those of dev, and the texts those of the table."""
    figures = json.loads((work / "results/export/digits/parity.json").read_text())
    head = yaml.safe_load((work / "results/export/digits/README.md").read_text(encoding="utf-8").split("---\n")[1])
    listed = read_utterances(work / "results/corpora/aishell1/utterances.tsv")
    assert set(figures["utterances"]) <= set(listed[listed["subset"] == "dev"]["utterance"])
    if len(figures["utterances"]) == (listed["subset"] == "dev").sum():
        of_dev = head["model-index"][0]["results"][0]["metrics"][0]["value"]
        assert round(100 * figures["onnx"]["cer"], 2) == of_dev
    assert figures["transformers"]["largest_difference"] < figures["allowed"]
    assert figures["onnx"]["largest_difference"] < figures["onnx"]["allowed"]
    milestone = json.loads((work / "results/export/milestone/parity.json").read_text())
    assert max(milestone["transformers"]["largest_difference"].values()) < 1e-4
