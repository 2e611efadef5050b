"""What fine-tuning publishes, and what it hands to ESPnet."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune.espnet_upkeep import whole  # noqa: E402
from scripts.finetune.finetune import publish, settle  # noqa: E402


def trained(work: Path, *epochs: int) -> Path:
    """A folder as ESPnet leaves it."""
    work.mkdir(parents=True)
    for epoch in epochs:
        (work / f"{epoch}epoch.pth").write_text(f"weights {epoch}")
    (work / "config.yaml").write_text("config")
    (work / "checkpoint.pth").write_text("not published")
    return work


def state(epoch: int, weight: float | None = None) -> dict[str, Any]:
    """What ESPnet saves after an epoch; its one weight is the epoch's number."""
    weights = {"w": torch.tensor([float(epoch) if weight is None else weight])}
    return {"reporter": {"epoch": epoch}, "model": weights, "optimizers": [{"state": {0: {}}}]}


def save(path: Path, epoch: int) -> None:
    """As ESPnet does within our layer."""
    whole(torch.save)(state(epoch), path)


def test_every_epoch_is_published_in_one_step(tmp_path: Path) -> None:
    work, output = trained(tmp_path / "work" / "abc", 1, 2, 3), tmp_path / "epochs"
    output.mkdir()
    (output / "9epoch.pth").write_text("stale")
    (tmp_path / ".epochs.tmp").mkdir()
    (tmp_path / ".epochs.tmp" / "8epoch.pth").write_text("of a job that was killed")
    assert publish(work, 3, output) == {
        f"{n}epoch.pth": hashlib.sha256(f"weights {n}".encode()).hexdigest() for n in (1, 2, 3)
    }
    content = {path.name: path.read_text() for path in output.iterdir()}
    assert content == {"config.yaml": "config", **{f"{n}epoch.pth": f"weights {n}" for n in (1, 2, 3)}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs", "work"]


def test_an_epoch_that_is_missing(tmp_path: Path) -> None:
    work, output = trained(tmp_path / "work", 2), tmp_path / "epochs"
    with pytest.raises(StepError, match=r"work lacks 1epoch\.pth, 3epoch\.pth: keep_nbest_models .* must equal"):
        publish(work, 3, output)
    assert not output.exists()


def test_the_last_epoch_is_mended_from_the_checkpoint(tmp_path: Path) -> None:
    settle(tmp_path, 3)  # nothing there yet
    save(tmp_path / "checkpoint.pth", 2)
    settle(tmp_path, 3)
    assert torch.load(tmp_path / "2epoch.pth", weights_only=True)["w"].tolist() == [2.0]
    torch.save({"w": torch.tensor([7.0])}, tmp_path / "2epoch.pth")
    (tmp_path / "2epoch.pth.sha256").unlink()  # as ESPnet wrote it before digests were noted
    settle(tmp_path, 3)
    assert torch.load(tmp_path / "2epoch.pth", weights_only=True)["w"].tolist() == [7.0]
    notes = ["2epoch.pth.sha256", "checkpoint.pth.sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["2epoch.pth", "checkpoint.pth", *notes])
