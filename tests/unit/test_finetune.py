"""What fine-tuning publishes, and what it hands to ESPnet."""

import argparse
import itertools
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common.errors import StepError  # noqa: E402
from scripts.common.processes import Processes  # noqa: E402
from scripts.finetune.finetune import commands, mend, publish  # noqa: E402


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
    publish(work, 3, output)
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


def test_command() -> None:
    root = Path("/a place")
    arguments = argparse.Namespace(
        recipe=root / "r.yaml", data=root / "data", encoder=root / "encoder.pt", learning_rate=0.0002, seed=3
    )
    (words,) = commands(arguments, root / "work", Processes(gpus=1, per_node=1))
    assert all(isinstance(word, str) for word in words)
    options = list(itertools.pairwise(words))
    for option in [
        ("--config", "/a place/r.yaml"),
        ("--output_dir", "/a place/work"),
        ("--seed", "3"),
        ("--ngpu", "1"),
        ("--optim_conf", "lr=0.0002"),
        ("--encoder_conf", "w2v_url=encoder.pt"),
        ("--encoder_conf", "w2v_dir_path=/a place"),
        ("--train_data_path_and_name_and_type", "/a place/data/train/wav.scp,speech,sound"),
        ("--valid_data_path_and_name_and_type", "/a place/data/dev/text,text,text"),
        ("--valid_shape_file", "/a place/data/dev/text_shape.char"),
        ("--token_list", "/a place/data/tokens.txt"),
    ]:
        assert option in options


def test_two_processes_meet_and_divide_the_batches() -> None:
    place = Path("/a")
    arguments = argparse.Namespace(recipe=place, data=place, encoder=place / "encoder.pt", learning_rate=0.1, seed=1)
    one, other = commands(arguments, place / "work", Processes(gpus=0, per_node=2))
    assert one[:-4] == other[:-4]
    assert one[-4:] == ["--dist_rank", "0", "--local_rank", "0"]
    assert other[-4:] == ["--dist_rank", "1", "--local_rank", "1"]
    options = dict(itertools.pairwise(one))
    assert (options["--ngpu"], options["--dist_backend"], options["--dist_world_size"]) == ("0", "gloo", "2")
    assert options["--dist_init_method"].startswith("tcp://localhost:")
    on_gpus = commands(arguments, place / "work", Processes(gpus=2, per_node=2))
    assert dict(itertools.pairwise(on_gpus[1]))["--ngpu"] == "1"
    assert dict(itertools.pairwise(on_gpus[1]))["--dist_backend"] == "nccl"
