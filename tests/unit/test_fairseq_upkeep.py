"""What fairseq is told of a validation before it names its best checkpoint."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")

from scripts.common.provenance import REPOSITORY
from scripts.pretrain.fairseq_upkeep import Verdict

CFG = SimpleNamespace(model={"num_negatives": 20, "latent_groups": 2})
SOUND = {"loss": 4.403, "loss_0": 4.383, "code_perplexity": 30.505}
COLLAPSED = {"loss": 0.0, "loss_0": 0.0, "code_perplexity": 2.0}


def validate(verdict: Verdict, *subsets: dict[str, Any]) -> tuple[list[float | None], list[bool]]:
    """The losses that fairseq gets, and whether each subset was taken to name the best."""
    tracked = []

    def stock_stats(cfg: Any, trainer: Any, stats: dict[str, Any], tracking_best: bool) -> dict[str, Any]:
        tracked.append(tracking_best)
        return stats

    look = verdict.look(stock_stats)

    def stock(*_: Any) -> list[float]:
        return [look(CFG, None, stats, number == 0)["loss"] for number, stats in enumerate(subsets)]

    return verdict.withhold(stock)(CFG, None, None, None, None), tracked


def test_a_sound_validation_is_handed_on() -> None:
    assert validate(Verdict(), SOUND) == ([4.403], [True])


def test_the_loss_of_a_collapsed_model_is_withheld() -> None:
    assert validate(Verdict(), COLLAPSED) == ([None], [False])


def test_each_validation_has_a_verdict_of_its_own() -> None:
    verdict = Verdict()
    assert [validate(verdict, stats)[0] for stats in (COLLAPSED, SOUND, COLLAPSED)] == [[None], [4.403], [None]]


def test_the_first_validation_part_decides() -> None:
    assert validate(Verdict(), SOUND, COLLAPSED) == ([4.403, 0.0], [True, False])


def test_an_optimizer_updates_without_torchs_compiler() -> None:
    """In a process of its own, as any test before may have imported it."""
    program = """
import sys
import torch
from fairseq.optim.adam import Adam
from scripts.pretrain.fairseq_upkeep import optimize_without_compiler

def updated():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = Adam([weight], lr=0.5)
    (3 * weight).backward()
    optimizer.step()
    optimizer.zero_grad()
    return weight.item()

optimize_without_compiler()
assert updated() == 1.5  # Adam's first update is the learning rate, whatever the gradient
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY, capture_output=True)
