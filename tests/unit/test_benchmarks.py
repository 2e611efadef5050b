"""What benchmarks/ measures, where no GPU is needed to see it."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed")

import torch

from benchmarks.parts import shares, taken


def test_memory_is_that_of_an_update_alone_and_no_peak_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model's 3 GiB lie there, and fairseq's trainer resets the peak before an update's end."""
    allocated = {"now": 3 * 2**30, "peak": 9 * 2**30}

    def use(more: int) -> None:
        allocated["peak"] = max(allocated["peak"], allocated["now"] + more)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: allocated["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: allocated["peak"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: allocated.update(peak=allocated["now"]))
    with taken() as gib:
        use(2 * 2**30)
        torch.cuda.reset_peak_memory_stats()  # as fairseq's trainer does
        use(2**30)
    assert gib == {"most": 2.0}
    torch.cuda.reset_peak_memory_stats()
    assert allocated["peak"] == allocated["now"]


def test_shares_are_of_the_whole() -> None:
    assert shares({"layers": 1.0, "backward": 2.0}, 4.0) == {"layers": 25.0, "backward": 50.0, "else": 25.0}
