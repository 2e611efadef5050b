"""Which of the best checkpoints of all segments is the best."""

from pathlib import Path

from scripts.common import files
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
