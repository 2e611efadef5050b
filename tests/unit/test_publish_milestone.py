"""What pre-training publishes as the best until a milestone, where validations collapsed."""

from argparse import Namespace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from scripts.common import files
from scripts.pretrain.pretrain import publish
from tests.unit.test_fairseq_log import line

SOUND = {"loss": 3.0, "loss_0": 2.9, "accuracy": 0.3, "code_perplexity": 12.0}
COLLAPSED = {"loss": 0.0, "loss_0": 0.0, "accuracy": 1.0, "code_perplexity": 2.0}


def checkpoint(path: Path, updates: int, loss: float | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    counted = {"optimizer_history": [{"num_updates": updates}], "extra_state": {"val_loss": loss}}
    torch.save(counted | {"model": {"weight": torch.zeros(1)}, "last_optimizer_state": {}}, path)


def published(folder: Path, best: int | None, validations: dict[int, dict], before: int | None) -> dict:
    """The sidecar of the best until update 60. `best`: where fairseq's own is from; `before`: that until 30."""
    work = folder / "work/after-60-updates-0123456789ab"
    checkpoint(work / "checkpoints/checkpoint_last.pt", 60, validations.get(60, {}).get("loss"))
    if best is not None:
        checkpoint(work / "checkpoints/checkpoint_best.pt", best, validations[best]["loss"])
    (work / "train.log").write_text("".join(line("valid", n, **facts) for n, facts in validations.items()))
    if before is not None:
        checkpoint(folder / "best-until-30-updates.pt", before, 3.5)
        files.write_json(folder / "best-until-30-updates.json", {"updates": before, "validation_loss": 3.5})
    (folder / "recipe.yaml").write_text("model: {num_negatives: 20, latent_groups: 2}\n")
    arguments = Namespace(
        updates=60,
        recipe=folder / "recipe.yaml",
        train_manifest=folder / "train.tsv",
        valid_manifest=folder / "valid.tsv",
        output=folder / "after-60-updates.pt",
        best=folder / "best-until-60-updates.pt",
        best_before=folder / "best-until-30-updates.pt" if before is not None else None,
    )
    publish(work / "checkpoints/checkpoint_last.pt", arguments, {"seed": 1}, {})
    return files.read_json(folder / "best-until-60-updates.json")


def test_a_sound_best_is_published_with_its_figures(tmp_path: Path) -> None:
    card = published(tmp_path, 40, {40: SOUND, 60: SOUND}, before=20)
    assert (card["updates"], card["validation_loss"]) == (40, 3.0)
    assert card["validation"]["code_perplexity"] == 12.0 and card["validation"]["candidates"] == 21
    assert files.read_json(tmp_path / "after-60-updates.json")["validation"]["infonce"] == 2.9


def test_a_collapsed_one_of_an_earlier_release_replaces_no_good_one(tmp_path: Path) -> None:
    """Its plugin had let fairseq take it for the best."""
    card = published(tmp_path, 40, {40: COLLAPSED, 60: SOUND}, before=20)
    assert (card["updates"], card["validation_loss"]) == (20, 3.5)


def test_a_first_segment_that_collapsed_has_nothing_better_and_says_so(tmp_path: Path) -> None:
    card = published(tmp_path, None, {60: COLLAPSED}, before=None)
    assert card["updates"] == 60 and card["validation"]["accuracy"] == 1.0
