"""What is looked at before fairseq starts."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from scripts.common.errors import StepError
from scripts.pretrain.pretrain import check_lengths


def manifest(folder: Path, *samples: int) -> Path:
    path = folder / "valid.tsv"
    path.write_text("../audio\n" + "".join(f"valid-0000.zip:{n}:{2 * n}\t{n}\n" for n in samples), encoding="utf-8")
    return path


@pytest.mark.parametrize("samples", [(16_000,), (15_999, 20_000), (1, 2, 16_000)])
def test_one_file_that_is_long_enough_is_enough(tmp_path: Path, samples: tuple[int, ...]) -> None:
    check_lengths({"task": {"min_sample_size": 16_000}}, manifest(tmp_path, *samples))


@pytest.mark.parametrize("recipe", [{}, {"task": {}}, {"task": {"min_sample_size": None}}])
def test_a_recipe_without_the_key_takes_all(tmp_path: Path, recipe: dict) -> None:
    check_lengths(recipe, manifest(tmp_path, 1))


def test_nothing_but_files_that_fairseq_would_drop(tmp_path: Path) -> None:
    path = manifest(tmp_path, 15_999, 3)
    with pytest.raises(StepError) as caught:
        check_lengths({"task": {"min_sample_size": 16_000}}, path)
    assert str(caught.value) == (
        f"{path}: none of its 2 files has the 16000 samples of task.min_sample_size in the recipe, "
        "the longest has 15999: set utterances_per_file higher or that key lower"
    )
