"""Which micro-batches of an update share a forward, and what fairseq's trainer sees of it.

fairseq's trainer takes the micro-batches of an update one by one. The task holds back those that share a forward with a
later one, computes all of them when the last one comes, and returns what each would have returned: loss, number of
masked frames and what is logged are computed by fairseq's criterion for each. Nothing else in the trainer has to know.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from fairseq.trainer import Trainer

from scripts.pretrain.faster.replacing import replace_on
from scripts.pretrain.faster.sub_batches import SUB_BATCHES
from scripts.trainers.replacing import replace

Function = Callable[..., Any]


def install_in_trainer() -> None:
    """Let every trainer say which micro-batches an update has before it takes the first."""
    replace(Trainer, "train_step", _announced, known="d3ad29a10ce7")


def _announced(stock: Function) -> Function:
    def train_step(self: Trainer, samples: list[dict[str, Any]], raise_oom: bool = False) -> Any:
        together = getattr(self.task, "together", None)
        if together is not None:
            together.announce(samples)
        return stock(self, samples, raise_oom)

    return train_step


def install_in_task(task: Any, at_once: int) -> None:
    """Let a task compute up to so many micro-batches in one forward."""
    task.together = Together(at_once)
    replace_on(task, "train_step", task.together.train_step, known="52647821e5ff")


class Together:
    """The micro-batches of an update that wait for the last of their group."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.to_come: Iterator[int] = iter(())  # for each micro-batch, how many of its group come after it
        self.held: list[tuple[dict[str, Any], dict[str, Any]]] = []  # with what will be logged of each

    def announce(self, samples: Sequence[dict[str, Any] | None]) -> None:
        """Divide an update's micro-batches."""
        sizes = groups([_length(sample) for sample in samples], self.at_once)
        self.to_come = iter([size - 1 - place for size in sizes for place in range(size)])
        self.held = []

    def train_step(self, stock: Function) -> Function:
        """fairseq's, with (sample, model, criterion, ...) -> (loss, sample size, what is logged)."""

        def train_step(sample: dict[str, Any], model: Any, criterion: Any, *args: Any, **others: Any) -> Any:
            to_come = next(self.to_come, 0)
            if not to_come and not self.held:
                return stock(sample, model, criterion, *args, **others)
            self.held.append((sample, {}))
            if to_come:
                return None, 0, self.held[-1][1]  # the last one brings loss and size of all
            held, self.held = self.held, []
            return stock(joined([sample for sample, _ in held]), model, _of_each(criterion, held), *args, **others)

        return train_step


def groups(lengths: Sequence[int | None], at_once: int) -> list[int]:
    """Sizes of groups of neighbours of equal length; those of no length (None) are alone."""
    sizes: list[int] = []
    before = None
    for length in lengths:
        if sizes and length is not None and length == before and sizes[-1] < at_once:
            sizes[-1] += 1
        else:
            sizes.append(1)
        before = length
    return sizes


def _length(sample: dict[str, Any] | None) -> int | None:
    """Samples of each utterance; None where the micro-batch is empty or padded."""
    if not sample or set(sample["net_input"]) != {"source"}:
        return None
    return sample["net_input"]["source"].size(-1)


def joined(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One micro-batch of several."""
    sources = [sample["net_input"]["source"] for sample in samples]
    return {
        "id": torch.cat([sample["id"] for sample in samples]),
        "net_input": {"source": torch.cat(sources), "rows": [len(source) for source in sources]},
    }


class _Computed:
    """A model, as a criterion sees it, whose forward has been computed."""

    def __init__(self, model: Any, result: dict[str, Any]) -> None:
        self.model, self.result = model, result

    def __call__(self, **_: Any) -> dict[str, Any]:
        return self.result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def _of_each(criterion: Any, held: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Function:
    """A criterion for all that are held: the sums of losses and sizes, and what the last one logs."""

    def compute(model: Any, sample: dict[str, Any]) -> tuple[torch.Tensor, Any, dict[str, Any]]:
        results = model(**sample["net_input"])[SUB_BATCHES]
        losses, sizes = [], []
        for (own, logged), result in zip(held, results, strict=True):
            loss, size, logging_output = criterion(_Computed(model, result), own)
            logged.update(logging_output)
            losses.append(loss)
            sizes.append(size)
        return torch.stack(losses).sum(), sum(sizes), held[-1][1]

    return compute
