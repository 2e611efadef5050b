"""Recipes that cannot work are named with their numbers and keys; those that are shipped are not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.common.defaults import fill_in
from scripts.finetune.too_short import batches_of, lengths_of, too_short
from scripts.pretrain.unworkable import of_audio, of_config, of_recipe

REPOSITORY = Path(__file__).parents[2]


def shipped(*overlays: str) -> dict[str, Any]:
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    for name in overlays:
        overlay = yaml.safe_load((REPOSITORY / f"config/{name}.yaml").read_text(encoding="utf-8"))
        for catalogue, entries in overlay.items():
            if isinstance(entries, list):
                config[catalogue] = entries
                continue
            for entry, keys in entries.items():
                config[catalogue].setdefault(entry, {}).update(keys)
    fill_in(config)
    return config


@pytest.mark.parametrize("overlays", [(), ("demo",), ("sample",), ("one-gpu",)])
def test_what_is_shipped_is_silent(overlays: tuple[str, ...]) -> None:
    assert list(of_config(shipped(*overlays), REPOSITORY)) == []


def test_a_warm_up_longer_than_the_run() -> None:
    config = shipped()
    config["pretraining"]["mandarin"]["updates"] = 20_000
    assert list(of_config(config, REPOSITORY)) == [
        "pretraining.mandarin.updates is 20,000, and lr_scheduler.warmup_updates in config/pretrain/base.yaml 32,000: "
        "the run ends before its learning rate is reached; raise the one or lower the other"
    ]
    config["experiments"] = [{"finetuning": "aishell1", "from": ["english"]}]  # a run that nobody asks for
    assert list(of_config(config, REPOSITORY)) == []


@pytest.mark.parametrize(("warmup", "named"), [(80, 0), (81, 1), (None, 0)])
def test_a_warm_up_as_long_as_the_run(warmup: int | None, named: int) -> None:
    assert len(list(of_recipe({"lr_scheduler": {"warmup_updates": warmup}}, "key", "path", 80))) == named


DEMO = {"task": {"max_sample_size": 32_000, "min_sample_size": 16_000}, "dataset": {"max_tokens": 512_000}}


@pytest.mark.parametrize(
    ("files", "gpus", "words"),
    [
        (16, 1, None),
        (15, 1, "key: 15 files are fewer than the 16 of one batch (dataset.max_tokens is 512,000 and"),
        (128, 8, None),
        (127, 8, "key: an update takes 128 files (dataset.max_tokens is 512,000 and task.max_sample_size 32,000, "),
    ],
)
def test_a_batch_that_the_audio_cannot_fill(files: int, gpus: int, words: str | None) -> None:
    lengths = [16_000] * files + [15_999] * 100  # those are dropped
    found = list(of_audio(DEMO, "key", lengths, gpus))
    assert [sentence.startswith(words or "") for sentence in found] == [True] * (words is not None)


def test_a_recipe_that_does_not_say_how_large_a_batch_is() -> None:
    assert list(of_audio({}, "key", [1], 64)) == []


# Fine-tuning


def finetuning(name: str) -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / f"config/finetune/{name}.yaml").read_text(encoding="utf-8"))


def test_what_was_seen_a_warm_up_of_120_in_80_updates() -> None:
    """60 utterances in batches of 6 for 8 epochs."""
    assert list(too_short(finetuning("demo"), Path("demo.yaml"), [40_000] * 60)) == [
        "demo.yaml: scheduler_conf.warmup_steps is 120, and the training ends after about 80 updates (60 utterances, "
        "batch_size 6, accum_grad 1, max_epoch 8), before its learning rate is reached: lower the one, or more epochs"
    ]


def test_an_encoder_that_stays_frozen() -> None:
    first, second = too_short(finetuning("demo"), Path("demo.yaml"), [40_000] * 30)
    assert "warmup_steps" in first and second.startswith(
        "demo.yaml: encoder_conf.freeze_finetune_updates is 60, and the training ends after about 40 batches"
    )


@pytest.mark.parametrize(("name", "utterances", "samples"), [("demo", 576, 40_000), ("aishell1", 120_098, 72_000)])
def test_the_shipped_recipes_on_their_corpora(name: str, utterances: int, samples: int) -> None:
    assert list(too_short(finetuning(name), Path(name), [samples] * utterances)) == []


def test_long_utterances_come_in_smaller_batches() -> None:
    assert batches_of([79_999] * 32, 32) == 1
    assert batches_of([80_000] * 32, 32) == 2 and batches_of([160_000] * 32, 32) == 3
    assert batches_of([1], 32) == 1


def test_lengths_are_read_from_the_data(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/speech_shape").write_text("a 16000\nb 32000\n")
    assert lengths_of(tmp_path) == [16_000, 32_000]
