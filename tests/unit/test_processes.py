"""How many processes train together."""

import pytest

from scripts.common.errors import StepError
from scripts.trainers import slurm
from scripts.trainers.processes import Processes, at_hand, usable


@pytest.mark.parametrize(
    ("gpus", "nodes", "expected"),
    [
        (8, None, Processes(8, 8, 1)),
        (8, 2, Processes(8, 8, 2)),
        (0, None, Processes(0, 3, 1)),
        (0, 2, Processes(0, 3, 2)),
    ],
)
def test_one_a_gpu_or_as_many_as_asked_for(monkeypatch, gpus: int, nodes: int | None, expected: Processes) -> None:
    allocation = nodes and slurm.Allocation("17", 0.0, nodes)
    monkeypatch.setattr(slurm, "allocation", lambda: allocation)
    assert at_hand(gpus, cpu_processes=3) == expected


def test_count_and_backend() -> None:
    assert Processes(gpus=8, per_node=8, nodes=2).count == 16
    assert [Processes(gpus, 1).backend for gpus in (0, 1)] == ["gloo", "nccl"]


@pytest.mark.parametrize("given", [None, "", "-1", "NoDevFiles"])
def test_a_job_without_gpus(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    monkeypatch.delenv("TRAIN_ON_CPU", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert usable(0) == 0


@pytest.mark.parametrize("given", ["0", "0,1,2", "GPU-8932f937"])
def test_gpus_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.delenv("TRAIN_ON_CPU", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert usable(2) == 2
    with pytest.raises(StepError, match=rf"was given GPUs \(CUDA_VISIBLE_DEVICES={given}\) that torch cannot use"):
        usable(0)
    monkeypatch.setenv("TRAIN_ON_CPU", "1")
    assert usable(0) == 0
