"""Which of the best checkpoints of all segments is the best."""

from pathlib import Path

import pytest

from scripts.common import files
from scripts.common.errors import StepError
from scripts.pretrain.choose_best import lowest


def candidate(folder: Path, updates: int, loss: float) -> Path:
    path = folder / f"best-until-{updates}-updates.pt"
    files.write_json(path.with_suffix(".json"), {"validation_loss": loss, "updates": updates})
    return path


def test_the_lowest_loss_wherever_it_stands(tmp_path: Path) -> None:
    first, second, third = (candidate(tmp_path, n, loss) for n, loss in ((10, 3.0), (20, 2.0), (30, 2.5)))
    assert lowest([first, second, third]) == lowest([third, second, first]) == second


def test_of_equal_losses_the_later(tmp_path: Path) -> None:
    first, second = candidate(tmp_path, 10, 2.0), candidate(tmp_path, 20, 2.0)
    assert lowest([first, second]) == lowest([second, first]) == second


def collapsed(folder: Path, updates: int, loss: float | None = 0.0) -> Path:
    figures = {"loss": 0.0, "infonce": 0.0, "code_perplexity": 2.0, "groups": 2, "candidates": 21}
    path = candidate(folder, updates, 0.0)
    files.write_json(path.with_suffix(".json"), {"validation_loss": loss, "updates": updates, "validation": figures})
    return path


def test_a_collapsed_one_has_the_lowest_loss_and_is_never_the_best(tmp_path: Path) -> None:
    first, second = candidate(tmp_path, 10, 3.0), collapsed(tmp_path, 20)
    third, fourth = candidate(tmp_path, 30, 3.5), collapsed(tmp_path, 40, None)
    assert lowest([first, second, third, fourth]) == lowest([fourth, third, second, first]) == first


def test_nothing_but_collapsed_ones(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"best-until-10-updates.pt, .*none is best: mend the recipe .*best: false$"):
        lowest([collapsed(tmp_path, 10), collapsed(tmp_path, 20)])
