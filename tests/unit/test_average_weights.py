"""The average of the last epochs, against numpy's mean."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common import files  # noqa: E402
from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune.average_weights import average, last_epochs, main  # noqa: E402


def test_by_hand() -> None:
    states = [{"w": torch.tensor([[1.0, -2.0], [x, 0.0]]), "count": torch.tensor(10 * x)} for x in (1, 2, 6)]
    result = average(states)
    assert result["w"].tolist() == [[1.0, -2.0], [3.0, 0.0]]
    assert result["w"].dtype == torch.float32


def test_integer_buffers_take_the_last_value() -> None:
    """The sum, as ESPnet would have it, is 60; their mean is 20."""
    for kind in (torch.int64, torch.int32, torch.uint8):
        states = [{"count": torch.tensor(value, dtype=kind)} for value in (10, 20, 30)]
        assert average(states)["count"].item() == 30
        assert average(states)["count"].dtype == kind
    assert average([{"flag": torch.tensor(value)} for value in (True, False)])["flag"].item() is False


def test_inputs_are_unchanged_and_nothing_is_shared() -> None:
    states = [{"w": torch.tensor([float(x)]), "n": torch.tensor([x])} for x in (1, 3)]
    result = average(states)
    result["w"] += 100
    result["n"] += 100
    assert [(s["w"].item(), s["n"].item()) for s in states] == [(1.0, 1), (3.0, 3)]


def test_one_epoch_is_itself() -> None:
    state = {"w": torch.tensor([0.1, 1e-30, 3e38])}
    assert torch.equal(average([state])["w"], state["w"])


@given(st.lists(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=4, max_size=4), min_size=1, max_size=12))
def test_against_numpy(epochs: list[list[float]]) -> None:
    result = average([{"w": torch.tensor(epoch, dtype=torch.float32)} for epoch in epochs])["w"].numpy()
    expected = np.array(epochs, dtype=np.float32).astype(np.float64).mean(axis=0)
    scale = np.abs(epochs).max()  # sums that cancel keep float64's error of the largest term
    assert np.allclose(result, expected.astype(np.float32), rtol=2**-23, atol=scale * 1e-14)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float64(kind: torch.dtype) -> None:
    """In float16, 40,000 + 40,000 is infinite; in bfloat16, 256 + 1 is 256."""
    large = average([{"w": torch.tensor(40_000.0, dtype=kind)} for _ in range(10)])["w"]
    assert large.dtype == kind and large.item() == torch.tensor(40_000.0, dtype=kind).item()
    mixed = average([{"w": torch.tensor(x, dtype=kind)} for x in (256.0, 1.0, 1.0, 1.0, 1.0)])["w"]
    assert mixed.item() == 52.0


def test_single_precision_is_summed_in_float64() -> None:
    """In float32, 2**24 + 1 is 2**24."""
    states = [{"w": torch.tensor(x)} for x in (2.0**24, 1.0, 1.0, 2.0)]
    assert average(states)["w"].item() == 2**22 + 1


def test_other_models_are_refused() -> None:
    one = {"w": torch.zeros(2)}
    for other in ({"w": torch.zeros(3)}, {"v": torch.zeros(2)}, {"w": torch.zeros(2), "v": torch.zeros(1)}):
        with pytest.raises(StepError, match="different parameters"):
            average([one, other])


def test_the_last_epochs_by_number(tmp_path: Path) -> None:
    for name in ("1", "2", "9", "10", "11"):
        (tmp_path / f"{name}epoch.pth").touch()
    for name in ("config.yaml", "12epoch.pth.tmp", "valid.acc.ave_3best.pth", "xepoch.pth"):
        (tmp_path / name).touch()
    assert [path.name for path in last_epochs(tmp_path, 3)] == ["9epoch.pth", "10epoch.pth", "11epoch.pth"]
    assert len(last_epochs(tmp_path, 5)) == 5
    with pytest.raises(StepError, match="holds 5 epochs, average_last asks for 6: lower it"):
        last_epochs(tmp_path, 6)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "epochs").mkdir()
    for epoch in (1, 2, 3):
        state = {"w": torch.full((2,), float(epoch) ** 2), "n": torch.tensor(epoch)}
        torch.save(state, tmp_path / "epochs" / f"{epoch}epoch.pth")
    epochs = {path.name: files.sha256(path) for path in (tmp_path / "epochs").iterdir()}
    (tmp_path / "epochs/config.yaml").write_text("encoder: wav2vec2")
    files.write_json(tmp_path / "epochs.json", {"epochs": epochs, "made_from": {"seed": 1}, "above": {"x": {}}})
    for name in ("one.pth", "other.pth"):
        words = ["--epochs", tmp_path / "epochs", "--last", 2, "--output", tmp_path / name]
        monkeypatch.setattr(sys, "argv", ["average_weights", *map(str, words)])
        main()
    made = torch.load(tmp_path / "one.pth", weights_only=True)
    assert (made["w"].tolist(), made["n"].item()) == ([6.5, 6.5], 3)
    assert (tmp_path / "one.pth").read_bytes() == (tmp_path / "other.pth").read_bytes()
    sidecar = files.read_json(tmp_path / "one.json")
    assert sidecar["sha256"] == files.sha256(tmp_path / "one.pth")
    assert (tmp_path / "one.yaml").read_text() == "encoder: wav2vec2"
    # epochs may be deleted: the average repeats what they were made from
    assert sidecar["above"] == {"x": {}, str(tmp_path / "epochs"): {"epochs": epochs, "made_from": {"seed": 1}}}
    assert sidecar["made_from"]["epochs"] == {name: epochs[name] for name in ("2epoch.pth", "3epoch.pth")}

    shutil.copy(tmp_path / "epochs/1epoch.pth", tmp_path / "epochs/3epoch.pth")
    with pytest.raises(StepError, match=r"3epoch.pth is not the file that epochs.json describes"):
        main()
