"""What fine-tuning publishes, and what it hands to ESPnet."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common import files  # noqa: E402
from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune import finetune  # noqa: E402
from scripts.finetune.espnet_upkeep import whole  # noqa: E402
from scripts.finetune.finetune import publish, settle, what_is_lost  # noqa: E402


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


def test_what_a_stopped_job_repeats(tmp_path: Path) -> None:
    """From the last whole epoch on, or from this start, as what an earlier one left undone is repeated already."""
    assert what_is_lost(tmp_path, 20, begun=1000, now=1060) == (
        "ESPnet saves whole epochs only: 60 s of epoch 1 of 20 will be repeated"
    )
    for epoch, time in ((1, 500), (2, 4000)):
        (tmp_path / f"{epoch}epoch.pth").touch()
        os.utime(tmp_path / f"{epoch}epoch.pth", (time, time))
    assert "65 minutes of epoch 3 of 20" in what_is_lost(tmp_path, 20, begun=1000, now=7900)
    assert "10 minutes of epoch 3 of 20" in what_is_lost(tmp_path, 20, begun=7300, now=7900)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("weights", ["2epoch.pth", "1epoch.pth"])
def test_damaged_weights_are_written_again_where_a_state_holds_them(tmp_path: Path, weights: str, capsys) -> None:
    for epoch in (1, 2):
        save(tmp_path / "checkpoint.pth", epoch)
        whole(torch.save)(state(epoch)["model"], tmp_path / f"{epoch}epoch.pth")
    damage(tmp_path / weights)
    if weights == "1epoch.pth":
        with pytest.raises(
            StepError, match=r"1epoch\.pth is lost to damage: delete .*, and all epochs are trained again"
        ):
            settle(tmp_path, 3)
        with pytest.raises(StepError, match=r"1epoch\.pth is lost to damage"):  # at each start until that is done
            settle(tmp_path, 3)
        return
    settle(tmp_path, 3)
    said = capsys.readouterr().out
    assert said == f"{tmp_path / weights} is not what was saved (sha256): set aside as {weights}.damaged\n"
    assert torch.load(tmp_path / weights, weights_only=True)["w"].tolist() == [2.0]


@pytest.mark.parametrize("size", [0, 100])
def test_espnet_goes_on_from_the_epoch_before_where_the_last_state_is_damaged(tmp_path, size: int, capsys) -> None:
    for epoch in (1, 2):
        save(tmp_path / "checkpoint.pth", epoch)
    os.truncate(tmp_path / "checkpoint.pth", size)
    settle(tmp_path, 3)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("set aside as checkpoint.pth.damaged; training goes on from the state before")
    assert torch.load(tmp_path / "checkpoint.pth", weights_only=True)["reporter"]["epoch"] == 1


def test_all_epochs_that_are_there_need_no_state(tmp_path: Path, capsys) -> None:
    save(tmp_path / "checkpoint.pth", 1)
    whole(torch.save)(state(1)["model"], tmp_path / "1epoch.pth")
    damage(tmp_path / "checkpoint.pth")
    settle(tmp_path, 1)
    assert capsys.readouterr().out == ""


def test_weights_that_changed_since_they_were_saved_are_not_published(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "config.yaml").parent.mkdir()
    (work / "config.yaml").write_text("config")
    whole(torch.save)(state(1)["model"], work / "1epoch.pth")
    damage(work / "1epoch.pth")
    with pytest.raises(
        StepError, match=r"1epoch\.pth is not what was saved \(sha256\): start again, and it is set aside"
    ):
        publish(work, 1, tmp_path / "epochs")
    assert not (tmp_path / "epochs").exists()


@pytest.mark.parametrize(("width", "output_size"), [(1024, 768), (768, 1024), (768, 768), (None, 768), (1024, None)])
def test_an_encoder_of_another_width_than_the_recipe_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int | None, output_size: int | None
) -> None:
    """ESPnet would go on, with a projection that nobody has asked for."""
    encoder, recipe = tmp_path / "encoder.pt", tmp_path / "recipe.yaml"
    encoder.write_bytes(b"weights")
    facts = {"width": width} if width else {}
    files.write_json(encoder.with_suffix(".json"), facts | {"sha256": files.sha256(encoder)})
    recipe.write_text(f"encoder_conf: {{output_size: {output_size}}}\n" if output_size else "max_epoch: 1\n")
    options = {"recipe": recipe, "encoder": encoder, "data": tmp_path / "none", "output": tmp_path / "out/epochs"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["finetune", *words, "--learning-rate", "0.1", "--seed", "1"])
    wrong = width is not None and output_size is not None and width != output_size
    with pytest.raises(StepError if wrong else FileNotFoundError) as caught:  # of the data, which come next
        finetune.main()
    if wrong:
        assert str(caught.value) == (
            f"{encoder} is {width} wide, and the recipe is made for {output_size} (wav2vec 2.0 base has 768, large "
            f"1024): set encoder_conf.output_size: {width} in a recipe of its own, or take another checkpoint"
        )
