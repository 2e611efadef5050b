"""Whether what was trained is what is wanted now."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scripts.common import files
from scripts.finetune.identity import finetuning
from scripts.plan.products import Products, differences
from scripts.pretrain.identity import initialisation, milestone

NESTED = st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(st.text(max_size=2), inner))


def test_differences_name_keys_and_both_values() -> None:
    before = {"seed": 1, "recipe": {"optimization": {"lr": [0.1]}, "model": {"a": 1}}, "same": "x"}
    now = {"seed": 2, "recipe": {"optimization": {"lr": [0.2]}, "model": {}}, "same": "x", "new": "y" * 40}
    assert differences(before, now) == [
        f"new (None -> {'y' * 27}...)",
        "recipe.model.a (1 -> None)",
        "recipe.optimization.lr ([0.1] -> [0.2])",
        "seed (1 -> 2)",
    ]


@given(st.dictionaries(st.text(max_size=2), NESTED), st.dictionaries(st.text(max_size=2), NESTED))
def test_there_are_differences_where_two_are_not_equal(one: dict, other: dict) -> None:
    assert differences(one, one) == []
    assert bool(differences(one, other)) == bool(differences(other, one))
    assert differences(one, other) or _pruned(one) == _pruned(other)


def _pruned(value: object) -> object:
    """Without empty dictionaries: a section that is there and empty says nothing."""
    if not isinstance(value, dict):
        return value
    return {key: kept for key, inner in value.items() if (kept := _pruned(inner)) != {}}


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Products:
    """A milestone and a fine-tuning that are what the config wants."""
    monkeypatch.chdir(tmp_path)
    recipe, espnet = tmp_path / "fairseq.yaml", {"max_epoch": 3}
    recipe.write_text("optimization: {lr: [0.1]}\ncommon: {log_interval: 5}\n")
    (tmp_path / "espnet.yaml").write_text(yaml.safe_dump(espnet))
    run = {"recipe": "fairseq.yaml", "effective_gpus": 8, "precision": "auto", "seed": 1}
    manifests = {}
    for subset in ("train", "valid"):
        path = tmp_path / f"results/pretrain/mandarin/manifest/{subset}.tsv"
        files.write_text(path, f"audio\n{subset}\n")
        manifests[subset] = files.sha256(path)
    made_from = milestone(recipe, 10, 8, "auto", 1, manifests) | {"resumed_from_sha256": "beef"}
    write(tmp_path / "results/pretrain/mandarin/after-10-updates.json", made_from)
    write(tmp_path / "results/pretrain/mandarin/after-0-updates.json", initialisation(recipe, 1))
    branch = tmp_path / "results/finetune/aishell1/from/mandarin/after-10-updates"
    files.write_json(branch / "encoder.json", {"sha256": "cafe", "made_from": {"mask_prob": None}})
    files.write_json(tmp_path / "results/finetune/aishell1/data.json", {"digest": "data"})
    write(branch / "lr-0.1/seed-1/epochs/provenance.json", finetuning(espnet, 0.1, 1, "cafe", "data"))
    config = {
        "pretraining": {"mandarin": run | {"milestones": [0, 10], "updates": 10}},
        "finetuning": {"aishell1": {"recipe": "espnet.yaml", "mask_prob": None}},
        "checkpoints": {"english": {"sha256": "feed"}},
    }
    return Products(config, tmp_path)


def write(card: Path, made_from: dict) -> None:
    files.write_json(card, {"made_from": made_from})


BRANCH = ("aishell1", "mandarin", "after-10-updates", "0.1", "1")


def test_what_is_as_wanted_stands(products: Products) -> None:
    assert products.milestone("mandarin", 0) == products.milestone("mandarin", 10) == []
    assert products.checkpoint("mandarin", "best") == products.branch(*BRANCH) == []


def test_what_was_never_made_differs_in_nothing(products: Products) -> None:
    assert products.milestone("mandarin", 20) == []
    assert products.branch(*BRANCH[:-1], "2") == []


def test_keys_that_decide_nothing(products: Products) -> None:
    Path("fairseq.yaml").write_text("optimization: {lr: [0.1]}\ncommon: {log_interval: 6}\n")
    assert products.branch(*BRANCH) == []


def test_a_recipe_of_pre_training_reaches_the_branch(products: Products) -> None:
    Path("fairseq.yaml").write_text("optimization: {lr: [0.2]}\ncommon: {log_interval: 5}\n")
    reason = "recipe.optimization.lr ([0.1] -> [0.2])"
    assert products.milestone("mandarin", 10) == products.checkpoint("mandarin", "best") == [reason]
    assert products.milestone("mandarin", 0) == [reason]
    assert products.branch(*BRANCH) == [f"the checkpoint: {reason}"]


def test_a_manifest_counts_once_it_is_there(products: Products) -> None:
    manifest = Path("results/pretrain/mandarin/manifest/train.tsv")
    text = manifest.read_text()
    manifest.unlink()
    assert products.milestone("mandarin", 10) == []
    manifest.write_text(text + "another\n")
    assert [reason.split()[0] for reason in products.milestone("mandarin", 10)] == ["manifests.train"]


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("results/finetune/aishell1/data.json", {"digest": "other"}, "data (data -> other)"),
        (
            "results/finetune/aishell1/from/mandarin/after-10-updates/encoder.json",
            {"sha256": "f00d", "made_from": {"mask_prob": None}},
            "encoder_sha256 (cafe -> f00d)",
        ),
        (
            "results/finetune/aishell1/from/mandarin/after-10-updates/encoder.json",
            {"sha256": "cafe", "made_from": {"mask_prob": 0.3}},
            "mask_prob",
        ),
    ],
)
def test_what_a_branch_was_made_from(products: Products, file: str, content: dict, reason: str) -> None:
    Path(file).write_text(json.dumps(content))
    assert products.branch(*BRANCH) == [reason]


def test_a_given_checkpoint_is_known_by_its_sha256(products: Products) -> None:
    assert products.checkpoint("english", "given") == []
    files.write_json(Path("results/pretrain/english/given.json"), {"sha256": "feed"})
    assert products.checkpoint("english", "given") == []
    files.write_json(Path("results/pretrain/english/given.json"), {"sha256": "dead"})
    assert products.checkpoint("english", "given") == ["sha256"]
