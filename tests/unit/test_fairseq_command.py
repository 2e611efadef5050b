"""The words of a call of fairseq-hydra-train."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.errors import StepError
from scripts.pretrain import fairseq_command
from scripts.pretrain.fairseq_command import Segment, commands, overrides, precision, program, update_freq
from scripts.trainers.processes import Processes

SEGMENT = Segment(
    recipe=Path("/repository/config/pretrain/base.yaml"),
    data=Path("/runs/a/data"),
    work=Path("/runs/a"),
    updates=50_000,
    update_freq=8,
    precision="fp16",
    seed=1,
    resume_from=None,
)


@pytest.mark.parametrize(
    ("effective", "processes", "expected"), [(64, 8, 8), (64, 1, 64), (64, 64, 1), (1, 1, 1), (12, 4, 3)]
)
def test_update_freq(effective: int, processes: int, expected: int) -> None:
    assert update_freq(effective, processes) == expected


@pytest.mark.parametrize(
    ("effective", "processes", "advice"),
    [
        (64, 6, "use 4 or 8 GPUs, or set effective_gpus to 60 or 66"),
        (64, 3, "use 2 or 4 GPUs, or set effective_gpus to 63 or 66"),
        (64, 100, "use 64 GPUs, or set effective_gpus to 100"),
        (1, 2, "use 1 GPUs, or set effective_gpus to 2"),
        (12, 5, "use 4 or 6 GPUs, or set effective_gpus to 10 or 15"),
    ],
)
def test_update_freq_with_a_remainder(effective: int, processes: int, advice: str) -> None:
    with pytest.raises(StepError) as caught:
        update_freq(effective, processes)
    assert str(caught.value) == f"effective_gpus: {effective} cannot be reached with {processes} GPUs: {advice}"


@given(st.integers(1, 200), st.integers(1, 200))
def test_update_freq_keeps_the_batch_or_refuses(effective: int, processes: int) -> None:
    try:
        assert update_freq(effective, processes) * processes == effective
    except StepError:
        assert effective % processes


ONE_CPU, EIGHT_GPUS = Processes(gpus=0, per_node=1), Processes(gpus=8, per_node=8)


def test_the_whole_call_on_one_gpu() -> None:
    (call,) = commands(SEGMENT, Processes(gpus=1, per_node=1))
    assert call == [
        "fairseq-hydra-train",
        "--config-dir",
        "/repository/config/pretrain",
        "--config-name",
        "base",
        "hydra.run.dir='/runs/a/hydra'",
        "task.data='/runs/a/data'",
        "checkpoint.save_dir='/runs/a/checkpoints'",
        f"common.user_dir='{Path(__file__).resolve().parents[2] / 'scripts' / 'pretrain' / 'fairseq_plugin'}'",
        "common.tensorboard_logdir='/runs/a/tensorboard'",
        "common.seed=1",
        "common.fp16=true",
        "common.bf16=false",
        "optimization.max_update=50000",
        "optimization.update_freq=[8]",
        "distributed_training.distributed_world_size=1",
    ]


def test_one_call_for_each_of_8_gpus() -> None:
    calls = commands(SEGMENT, EIGHT_GPUS)
    shared = [call[:-6] for call in calls]
    assert shared == [shared[0]] * 8
    assert shared[0][-1] == "distributed_training.distributed_world_size=8"
    places = [dict(word.split("=", 1) for word in call[-6:]) for call in calls]
    assert [place["distributed_training.distributed_rank"] for place in places] == list("01234567")
    assert [place["distributed_training.device_id"] for place in places] == list("01234567")
    assert {place["distributed_training.distributed_backend"] for place in places} == {"nccl"}
    (meeting,) = {place["distributed_training.distributed_init_method"] for place in places}
    assert meeting.startswith("'tcp://localhost:")


def test_over_nodes_srun_starts_every_process_and_tells_it_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node1")
    (call,) = commands(SEGMENT, Processes(gpus=8, per_node=8, nodes=2))
    assert call[:5] == ["srun", "--overlap", "--nodes=2", "--ntasks-per-node=8", "--ntasks=16"]
    assert call[call.index("fairseq-hydra-train") - 1] == "--kill-on-bad-exit=1"
    assert "distributed_training.distributed_world_size=16" in call
    assert "distributed_training.distributed_rank=${oc.env:SLURM_PROCID}" in call
    assert "distributed_training.device_id=${oc.env:SLURM_LOCALID}" in call
    assert any(word.startswith("distributed_training.distributed_init_method='tcp://node1:") for word in call)


def test_without_gpu_and_resumed() -> None:
    assert overrides(SEGMENT, ONE_CPU)[-2:] == ["distributed_training.distributed_world_size=1", "common.cpu=true"]
    resumed = overrides(replace(SEGMENT, resume_from=Path("/runs/after-1-updates.pt")), EIGHT_GPUS)
    assert resumed[:-1] == overrides(SEGMENT, EIGHT_GPUS)
    assert resumed[-1] == "checkpoint.continue_once='/runs/after-1-updates.pt'"


V100, A100 = (7, 0), (8, 0)


@pytest.mark.parametrize(
    ("requested", "capability", "expected"),
    [
        ("auto", None, "fp32"),
        ("bf16", None, "fp32"),
        ("auto", V100, "fp16"),
        ("auto", A100, "bf16"),
        ("fp16", A100, "fp16"),
        ("bf16", A100, "bf16"),
        ("fp32", A100, "fp32"),
    ],
)
def test_precision(requested: str, capability: tuple[int, int] | None, expected: str) -> None:
    assert precision(requested, capability) == expected


def test_bf16_is_not_emulated() -> None:
    with pytest.raises(StepError, match="precision: bf16 is not what this GPU can do: use fp16 or auto"):
        precision("bf16", V100)


@pytest.mark.parametrize(("name", "words"), [("bf16", ["false", "true"]), ("fp32", ["false", "false"])])
def test_precision_is_always_said(name: str, words: list[str]) -> None:
    said = overrides(replace(SEGMENT, precision=name), EIGHT_GPUS)
    assert [word.split("=")[1] for word in said if word.startswith(("common.fp16", "common.bf16"))] == words


@pytest.mark.parametrize("place", ["/a place", "/it's #1, a=b", "/中文"])
def test_what_decides_a_segment_has_no_place_in_it(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = program()["command"]
    monkeypatch.setattr(fairseq_command, "PLUGIN", Path(place) / "scripts/pretrain/fairseq_plugin")
    assert program()["command"] == here


PATHS = st.text("ab 听='\"\\,[]{}()#:&;", min_size=1, max_size=12)


@given(PATHS)
def test_hydra_reads_every_path_back(name: str) -> None:
    hydra = pytest.importorskip("hydra.core.override_parser.overrides_parser", reason="hydra is not installed")
    parser = hydra.OverridesParser.create()
    work = Path("/runs") / name
    for word in commands(replace(SEGMENT, work=work, data=work / "data", resume_from=work / "last.pt"), ONE_CPU)[0][5:]:
        parsed = parser.parse_override(word)
        value = parsed.value()
        if "data" in parsed.key_or_group:
            assert value == str(work / "data")
        if "dir" in parsed.key_or_group and "user" not in parsed.key_or_group:
            assert Path(value).parent == work
        if "continue" in parsed.key_or_group:
            assert value == str(work / "last.pt")
