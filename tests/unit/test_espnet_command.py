"""The words with which ESPnet is called."""

import itertools
from pathlib import Path

from scripts.finetune.espnet_command import Task, commands
from scripts.trainers.processes import Processes


def test_command() -> None:
    root = Path("/a place")
    task = Task(root / "r.yaml", root / "data", root / "encoder.pt", learning_rate=0.0002, seed=3, work=root / "work")
    (words,) = commands(task, Processes(gpus=1, per_node=1))
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
    task = Task(place, place, place / "encoder.pt", learning_rate=0.1, seed=1, work=place / "work")
    one, other = commands(task, Processes(gpus=0, per_node=2))
    assert one[:-4] == other[:-4]
    assert one[-4:] == ["--dist_rank", "0", "--local_rank", "0"]
    assert other[-4:] == ["--dist_rank", "1", "--local_rank", "1"]
    options = dict(itertools.pairwise(one))
    assert (options["--ngpu"], options["--dist_backend"], options["--dist_world_size"]) == ("0", "gloo", "2")
    assert options["--dist_init_method"].startswith("tcp://localhost:")
    on_gpus = commands(task, Processes(gpus=2, per_node=2))
    assert dict(itertools.pairwise(on_gpus[1]))["--ngpu"] == "1"
    assert dict(itertools.pairwise(on_gpus[1]))["--dist_backend"] == "nccl"
