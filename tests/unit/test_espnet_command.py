"""The words with which ESPnet is called."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.errors import StepError
from scripts.finetune.espnet_command import Task, commands, program
from scripts.trainers.processes import Processes

ONE_CPU = Processes(gpus=0, per_node=1)
PLACE = Path("/a place")
TASK = Task(PLACE / "r.yaml", PLACE / "data", PLACE / "encoder.pt", learning_rate=0.1, seed=1, work=PLACE / "work")


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


@given(st.text("ab 听='\"\\,[]{}()#:&;-", min_size=1, max_size=12))
def test_espnet_reads_every_encoders_place_back(name: str) -> None:
    action = pytest.importorskip("espnet2.utils.nested_dict_action", reason="ESPnet is not installed")
    encoder = PLACE / name / "encoder.pt"
    (words,) = commands(replace(TASK, encoder=encoder), ONE_CPU)
    parser = action.argparse.ArgumentParser()
    parser.add_argument("--encoder_conf", action=action.NestedDictAction, default={})
    read = parser.parse_known_args(words)[0].encoder_conf
    assert read == {"w2v_url": "encoder.pt", "w2v_dir_path": str(encoder.parent)}


@pytest.mark.parametrize("name", ["it's #1, a=b 中文", "#", ",,", "'", "=", "(a)"])
def test_espnet_reads_the_place_of_the_data_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types = pytest.importorskip("espnet2.utils.types", reason="ESPnet is not installed")
    data = tmp_path / name / "results" / "data"
    data.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / name)
    (words,) = commands(replace(TASK, data=data), ONE_CPU)
    options = list(itertools.pairwise(words))
    for subset, prefix in (("train", "train"), ("dev", "valid")):
        said = [value for option, value in options if option == f"--{prefix}_data_path_and_name_and_type"]
        read = [types.str2triple_str(value) for value in said]
        assert [(os.path.abspath(path), *others) for path, *others in read] == [
            (str(data / subset / "wav.scp"), "speech", "sound"),
            (str(data / subset / "text"), "text", "text"),
        ]


def test_a_comma_that_espnet_would_see_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StepError, match=r"/a,b/data/train/wav.scp has a comma in its path, which ESPnet cannot read: "):
        commands(replace(TASK, data=Path("/a,b/data")), ONE_CPU)


def test_what_decides_a_finetuning_has_no_place_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = program()
    (tmp_path / "it's #1, a=b").mkdir()
    monkeypatch.chdir(tmp_path / "it's #1, a=b")
    assert program() == here
