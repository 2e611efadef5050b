"""What fairseq is told of a validation before it names its best checkpoint."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")

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
