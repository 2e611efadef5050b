"""What fine-tuning publishes, and what it hands to ESPnet."""

import hashlib
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common import files  # noqa: E402
from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune import finetune  # noqa: E402
from scripts.finetune.finetune import mend, publish  # noqa: E402


def trained(work: Path, *epochs: int) -> Path:
    """A folder as ESPnet leaves it."""
    work.mkdir(parents=True)
    for epoch in epochs:
        (work / f"{epoch}epoch.pth").write_text(f"weights {epoch}")
    (work / "config.yaml").write_text("config")
    (work / "checkpoint.pth").write_text("not published")
    return work


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
    mend(tmp_path)  # nothing there yet
    torch.save({"reporter": {"epoch": 2}, "model": {"w": torch.tensor([5.0])}}, tmp_path / "checkpoint.pth")
    mend(tmp_path)
    assert torch.load(tmp_path / "2epoch.pth", weights_only=True)["w"].tolist() == [5.0]
    (tmp_path / "2epoch.pth").write_text("as ESPnet wrote it")
    mend(tmp_path)
    assert (tmp_path / "2epoch.pth").read_text() == "as ESPnet wrote it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2epoch.pth", "checkpoint.pth"]


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
