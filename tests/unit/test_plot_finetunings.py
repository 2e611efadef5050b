"""The curves of fine-tunings: which table becomes which line, and a picture with the same bytes each time."""

import sys
import xml.etree.ElementTree
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from scripts.common.errors import StepError
from scripts.results.plot_finetunings import PANELS, Training, draw, known, main, trainings
from scripts.results.tabulate import CER_COLUMNS
from scripts.trainers import espnet_log
from scripts.trainers.espnet_log import Epoch
from tests.unit.test_plot import scored

EPOCHS = [Epoch(1, 300.0, 200.0, 0.9, 0.1), Epoch(2, 30.0, 20.0, 0.25, 0.1)]


def curve(model: str, checkpoint: str, rate: str = "0.0002", seed: int = 1, task: str = "aishell1") -> Path:
    path = Path(f"results/finetune/{task}/from/{model}/{checkpoint}/lr-{rate}/seed-{seed}/curve.tsv")
    path.parent.mkdir(parents=True)
    espnet_log.write(EPOCHS, path)
    return path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def scores(*rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([line for row in rows for line in row], columns=CER_COLUMNS)


FIRST = scored("mandarin", "after-0-updates", "@0 updates", "0", 0.9)
STAR = scored("mandarin", "best", "@0 updates*", "0", 0.9)
GIVEN = scored("english", "given", "Wav2vec2.0(English)", "", 0.3)


def test_each_curve_goes_by_its_row() -> None:
    paths = [curve("english", "given"), curve("mandarin", "after-0-updates")]
    found = list(trainings(scores(FIRST, STAR, GIVEN), paths))
    assert found == [Training("aishell1", "Wav2vec2.0(English)", EPOCHS), Training("aishell1", "@0 updates", EPOCHS)]


def test_learning_rates_are_told_apart_where_there_are_several() -> None:
    rows = scored("mandarin", "after-0-updates", "@0 updates", "0", 0.9, learning_rate="0.002")
    found = trainings(scores(FIRST, rows), [curve("mandarin", "after-0-updates", rate) for rate in ("0.0002", "0.002")])
    assert [training.row for training in found] == ["@0 updates, lr 0.0002", "@0 updates, lr 0.002"]


def test_a_curve_of_no_row_is_refused() -> None:
    with pytest.raises(StepError, match=r"after-9-updates.*curve of no row"):
        list(trainings(scores(FIRST), [curve("mandarin", "after-9-updates")]))


def test_what_has_no_place_on_the_scale_is_left_out() -> None:
    epochs = [Epoch(1, float("inf"), None, 0.0), Epoch(2, 3.0, 2.0, 0.25)]
    assert known(epochs, "train_loss") == [(2, 3.0)] and known(epochs, "valid_cer") == [(2, 25.0)]


def test_twelve_rows_look_different_and_seeds_of_one_alike() -> None:
    found = [Training("a", f"row {number}", EPOCHS) for number in range(12)]
    figure = draw([*found, found[0]])
    plt.close(figure)
    assert len(figure.axes) == len(PANELS)
    for axes, values in zip(figure.axes, ([90, 25], [200, 20], [300, 30]), strict=True):
        lines = axes.get_lines()
        looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines]
        assert all(list(line.get_ydata()) == values for line in lines)
        assert len(lines) == 13 and len(set(looks)) == 12 and looks[12] == looks[0]
    (part,) = figure.subfigs
    assert [text.get_text() for text in part.legends[0].get_texts()] == [training.row for training in found]


def test_rows_are_named_in_letters_that_the_font_has() -> None:
    figure = draw([Training("a", "中 @0 updates", EPOCHS)])
    plt.close(figure)
    assert figure.axes[0].get_lines()[0].get_label() == "U+4E2D @0 updates"


def test_a_line_of_panels_for_each_task() -> None:
    figure = draw([Training("a", "@0 updates", EPOCHS), Training("b", "@0 updates", EPOCHS)])
    plt.close(figure)
    assert [part.get_suptitle() for part in figure.subfigs] == ["a", "b"] and len(figure.axes) == 2 * len(PANELS)


def picture(monkeypatch: pytest.MonkeyPatch, branches: list[Path], name: str) -> bytes:
    scores(FIRST).to_csv("cer.tsv", sep="\t", index=False)
    words = ["--scores", "cer.tsv", "--branches", *map(str, branches), "--output", name]
    monkeypatch.setattr(sys, "argv", ["plot_finetunings", *words])
    main()
    return Path(name).read_bytes()


def test_same_curves_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    path = curve("mandarin", "after-0-updates")
    first = picture(monkeypatch, [path], "finetuning.svg")
    assert first == picture(monkeypatch, [path], "finetuning.svg")
    assert xml.etree.ElementTree.fromstring(first).tag.endswith("svg")


def test_a_curve_that_was_not_kept_is_drawn_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a log was deleted before it was read, and where there is no fine-tuning at all."""
    path = curve("mandarin", "after-0-updates")
    espnet_log.write([], path)
    assert picture(monkeypatch, [path], "finetuning.svg").startswith(b"<?xml")
    assert picture(monkeypatch, [], "none.svg").startswith(b"<?xml")
