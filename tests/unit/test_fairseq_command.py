"""The words of a call of fairseq-hydra-train."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.errors import StepError
from scripts.pretrain.fairseq_command import Segment, command, overrides, update_freq

SEGMENT = Segment(
    recipe=Path("/repository/config/pretrain/base.yaml"),
    data=Path("/runs/a/data"),
    work=Path("/runs/a"),
    updates=50_000,
    update_freq=8,
    gpus=8,
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


def test_the_whole_call_on_8_gpus() -> None:
    assert command(SEGMENT) == [
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
        "optimization.max_update=50000",
        "optimization.update_freq=[8]",
        "distributed_training.distributed_world_size=8",
    ]


def test_without_gpu_and_resumed() -> None:
    assert overrides(replace(SEGMENT, gpus=0))[-3:] == [
        "distributed_training.distributed_world_size=1",
        "common.cpu=true",
        "common.fp16=false",
    ]
    assert overrides(replace(SEGMENT, gpus=1))[-1] == "distributed_training.distributed_world_size=1"
    resumed = overrides(replace(SEGMENT, resume_from=Path("/runs/after-1-updates.pt")))
    assert resumed[:-1] == overrides(SEGMENT)
    assert resumed[-1] == "checkpoint.continue_once='/runs/after-1-updates.pt'"


PATHS = st.text("ab 听='\"\\,[]{}()#:&;", min_size=1, max_size=12)


@given(PATHS)
def test_hydra_reads_every_path_back(name: str) -> None:
    hydra = pytest.importorskip("hydra.core.override_parser.overrides_parser", reason="hydra is not installed")
    parser = hydra.OverridesParser.create()
    work = Path("/runs") / name
    for word in command(replace(SEGMENT, work=work, data=work / "data", resume_from=work / "last.pt"))[5:]:
        parsed = parser.parse_override(word)
        value = parsed.value()
        if "data" in parsed.key_or_group:
            assert value == str(work / "data")
        if "dir" in parsed.key_or_group and "user" not in parsed.key_or_group:
            assert Path(value).parent == work
        if "continue" in parsed.key_or_group:
            assert value == str(work / "last.pt")
