"""The model card says what the run knows, and of the rest that it does not know it."""

from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("torch", reason="torch is not installed")

from scripts.corpora.formats.known import FORMATS
from scripts.export.card import card
from scripts.export.facts import MISSING
from scripts.export.handed_over import Model
from scripts.export.terms import TERMS

BRANCH = "results/finetune/digits/from/m/after-8-updates/lr-0.1/seed-3"
MADE = {"git_commit": "abc1", "versions": {"torch": "2.13.0"}, "processor": {"name": "A Processor"}}
PARTS: dict[str, Any] = {
    "results/corpora/two/utterances.tsv": {"sha256": "1" * 64, "made_from": {"format": "aishell2"}},
    "results/corpora/one/utterances.tsv": {"sha256": "2" * 64, "made_from": {"format": "aishell1"}},
    "results/pretrain/m/after-8-updates.pt": {
        **MADE,
        "sha256": "3" * 64,
        "updates": 8,
        "validation_loss": 1.5,
        "training_seconds": 5400,
        "processes": 8,
        "device": "A GPU",
        "made_from": {"seed": 7, "effective_gpus": 64, "recipe": {"optimizer": {"lr": [0.0005]}}},
    },
    f"{BRANCH}/epochs": {
        **MADE,
        "epochs": {"1epoch.pth": "4", "2epoch.pth": "5"},
        "device": "cpu",
        "seconds_in_this_job": 360,
        "made_from": {"learning_rate": 0.1, "seed": 3, "recipe": {"max_epoch": 2}},
    },
}
ROW = {
    "names": {"task": "digits", "model": "m"},
    "label": "@8 updates",
    "scores": [
        {"subset": "dev", "cer": "0.0512", "low": "0.04", "high": "0.0655", "characters": "99", "utterances": "9"}
        | {"speakers": "4"},
        {"subset": "test", "cer": "0.06", "low": "", "high": "", "characters": "88", "utterances": "8", "speakers": ""},
    ],
}
FIGURES: dict[str, Any] = {
    "transformers": {"largest_difference": 3e-6, "differing_texts": [], "differing_texts_if_normalised": ["x"]},
    "onnx": {"largest_difference": 2e-5, "differing_texts": [], "allowed": 3e-4},
    "onnx_int8": {"largest_difference": 0.2, "differing_texts": ["x", "y"]},
    "utterances": ["x", "y", "z"],
    "allowed": 1e-4,
}
for name in ("transformers", "onnx", "onnx_int8"):
    FIGURES[name] |= {"cer": 0.0512, "real_time_factor": 0.02}


def handed_over(parts: dict[str, Any], row: dict[str, Any] | None = ROW, norm: str = "group") -> Model:
    facts = {"parts": parts, "experiment": "e" * 12, "exported_by": "abc2"} | ({"row": row} if row else {})
    return Model({"feat_extract_norm": norm}, [], False, [], facts, {}, {"x": np.zeros(1)}, {})


def head_of(text: str) -> dict[str, Any]:
    return yaml.safe_load(text.split("---\n")[1])


def test_what_the_hub_reads() -> None:
    head = head_of(card("mine", "recogniser", handed_over(PARTS), FIGURES))
    assert head["language"] == ["zh"] and head["datasets"] == ["two", "one"]
    assert (head["license"], head["license_name"]) == ("other", "academic-use-only")
    (model,) = head["model-index"]
    assert [(r["dataset"]["split"], r["metrics"][0]["value"]) for r in model["results"]] == [("dev", 5.12), ("test", 6)]
    assert "4.0 to 6.55" in model["results"][0]["metrics"][0]["name"]


def test_the_hubs_own_reader_understands_it() -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed (workflow/envs/export.yaml)")
    data = hub.ModelCard(card("mine", "recogniser", handed_over(PARTS), FIGURES)).data
    assert data.model_name == "mine" and data.license_name == "academic-use-only"
    assert [(result.dataset_split, result.metric_value) for result in data.eval_results] == [("dev", 5.12), ("test", 6)]


def test_academic_use_stands_in_the_first_lines() -> None:
    text = card("mine", "recogniser", handed_over(PARTS), FIGURES)
    first = text.split("---\n")[2].split("\n\n")[0:2]
    assert any("Academic use only" in line and "`two`" in line for line in first)
    free = {path: part for path, part in PARTS.items() if "two" not in path}
    text = card("mine", "recogniser", handed_over(free), FIGURES)
    assert "cademic" not in text and head_of(text)["license"] == "apache-2.0"


def test_what_was_trained_where_and_for_how_long() -> None:
    text = card("mine", "recogniser", handed_over(PARTS), FIGURES)
    for line in (
        "| hours | 1.50 |",
        "| updates | 8 |",
        "| seed | 7 |",
        "| hardware | 8 x A GPU, processor: A Processor |",
        "| epochs | 2 |",
        "| seed | 3 |",
        f"| hours | {MISSING}; its last job took 0.10 |",
        "| commit | abc1 |",
        f"| `results/pretrain/m/after-8-updates.pt` | `{'3' * 64}` |",
        "| exported by commit | `abc2` |",
        "| dev | 5.12 | 4.0 to 6.55 | 99 | 9 | 4 |",
        f"| test | 6.0 | {MISSING} | 88 | 8 | {MISSING} |",
        '  "lr": [',
    ):
        assert line in text, line


def test_what_is_missing_is_said() -> None:
    """Of a checkpoint that was given nothing is known but its digest, of a Kaldi directory no terms."""
    parts = {
        "results/corpora/k/utterances.tsv": {"made_from": {"format": "kaldi"}},
        "results/pretrain/english/given.pt": {"sha256": "6" * 64},
    }
    text = card("mine", "recogniser", handed_over(parts), FIGURES)
    head = head_of(text)
    assert "language" not in head and (head["license"], head["license_name"]) == ("other", "see-the-corpora")
    assert f"| `k` | {MISSING} | {MISSING} |" in text and "6" * 64 in text
    nothing = card(
        "mine",
        "encoder",
        handed_over({}, row=None),
        FIGURES | {"transformers": {"largest_difference": {"hidden": 1e-6}}},
    )
    assert f"Corpora: {MISSING}." in nothing and "datasets" not in head_of(nothing)


def test_limits_are_of_the_model() -> None:
    assert "Batch one utterance at a time" in card("mine", "recogniser", handed_over(PARTS), FIGURES)
    assert "Batch one utterance" not in card("mine", "recogniser", handed_over(PARTS, norm="layer"), FIGURES)


def test_every_format_of_a_corpus_has_its_terms() -> None:
    assert FORMATS.keys() - TERMS.keys() == {"kaldi"} and TERMS.keys() <= FORMATS.keys()
