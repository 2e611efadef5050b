"""How the time of an update divides among the parts of a model."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from fairseq.trainer import Trainer

Function = Callable[..., Any]


def wait() -> None:
    """For the GPU, which runs behind."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def taken() -> Iterator[dict[str, float]]:
    """`most`: GiB of a GPU that are taken meanwhile beyond what was before, where other models lie as well.

    fairseq's trainer forgets the peak before an update ends; it is kept from that.
    """
    gib = {"most": 0.0}
    if not torch.cuda.is_available():
        yield gib
        return
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with patch.object(torch.cuda, "reset_peak_memory_stats"):
        yield gib
    gib["most"] = (torch.cuda.max_memory_allocated() - before) / 2**30


@contextmanager
def timed(trainer: Trainer) -> Iterator[dict[str, float]]:
    """Seconds of each part of what is run meanwhile. It waits for the GPU at each, so that all takes longer."""
    seconds: dict[str, float] = defaultdict(float)
    model, undo = trainer.get_model(), []
    modules = {"convolutions": [model.feature_extractor], "positions": [model.encoder.pos_conv]}
    modules |= {"layers": list(model.encoder.layers), "quantizer": [model.quantizer]}
    for part, members in modules.items():
        for module in members:
            undo += [hook.remove for hook in _hooks(module, part, seconds)]
    functions = {"sample_negatives": (model, "negatives and logits"), "compute_preds": (model, "negatives and logits")}
    functions |= {"backward": (trainer.optimizer, "backward"), "step": (trainer.optimizer, "optimizer")}
    for name, (owner, part) in functions.items():
        undo.append(_wrap(owner, name, part, seconds))
    try:
        yield seconds
    finally:
        for remove in undo:
            remove()


def _hooks(module: Any, part: str, seconds: dict[str, float]) -> list[Any]:
    started = []

    def before(*_: Any) -> None:
        wait()
        started.append(time.perf_counter())

    def after(*_: Any) -> None:
        wait()
        seconds[part] += time.perf_counter() - started.pop()

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def _wrap(owner: Any, name: str, part: str, seconds: dict[str, float]) -> Function:
    """Time a method of an object; a function that undoes it."""
    own = vars(owner).get(name)
    stock = getattr(owner, name)

    def run(*args: Any, **others: Any) -> Any:
        wait()
        begin = time.perf_counter()
        result = stock(*args, **others)
        wait()
        seconds[part] += time.perf_counter() - begin
        return result

    setattr(owner, name, run)
    return lambda: delattr(owner, name) if own is None else setattr(owner, name, own)


def shares(seconds: dict[str, float], whole: float) -> dict[str, float]:
    """Of an update's time, in percent; `else`: what is in none of the parts."""
    found = {part: round(100 * value / whole, 1) for part, value in seconds.items()}
    return found | {"else": round(100 - sum(found.values()), 1)}


def kernels(update: Function, count: int = 12) -> dict[str, Any]:
    """How long a GPU was busy in an update, and with what: {kernel: [ms, calls]}."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        begin = time.perf_counter()
        update()
        wait()
        wall = time.perf_counter() - begin
    events = [event for event in profiled.key_averages() if getattr(event, "self_device_time_total", 0) > 0]
    events = [event for event in events if str(event.device_type).endswith("CUDA") and not event.is_user_annotation]
    events.sort(key=lambda event: -event.self_device_time_total)
    busy = sum(event.self_device_time_total for event in events) / 1e6
    top = {event.key[:90]: [round(event.self_device_time_total / 1e3, 2), event.count] for event in events[:count]}
    return {"busy_percent": round(100 * busy / wall, 1), "launches": sum(e.count for e in events), "kernels": top}
