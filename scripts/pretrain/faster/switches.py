"""Which parts of pre-training's update are computed faster: `--faster at_once=4 positions negatives ...`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.common.errors import StepError

AT_ONCE = "at_once"
NAMES = {
    "positions": "the positional convolution as a product of spectra, in fp32",
    "negatives": "logits as one matrix product, from which negatives are picked by index",
    "unpadded": "no frame is added to make their number even, so that attention needs no mask",
    "compiled_features": "the convolutions over samples compiled, where crops have their full length",
    "compiled_layers": "the transformer's layers compiled, where crops have their full length",
    "adam": "Adam in a few launches for all parameters, on a GPU",
}
VARIABLE = "PRETRAINING_FASTER"  # how fairseq's processes learn of it: fairseq refuses keys that it does not know


@dataclass(frozen=True)
class Switches:
    """The names of those that are on, and how many micro-batches share a forward."""

    on: frozenset[str] = frozenset()
    at_once: int = 1

    def words(self) -> list[str]:
        """What `parse` reads back; nothing where all is as fairseq does it."""
        first = [f"{AT_ONCE}={self.at_once}"] if self.at_once > 1 else []
        return first + [name for name in NAMES if name in self.on]


def parse(words: Sequence[str]) -> Switches:
    """Raises StepError for a word that is no switch."""
    at_once, on = 1, set()
    for word in words:
        name, _, value = word.partition("=")
        if name == AT_ONCE and value.isdecimal() and int(value) > 0:
            at_once = int(value)
        elif word in NAMES:
            on.add(word)
        else:
            raise StepError(f"{word} makes nothing faster: use some of {AT_ONCE}=N, {', '.join(NAMES)}")
    return Switches(frozenset(on), at_once)


def hand_over(switches: Switches) -> None:
    """Tell the processes that this one starts."""
    os.environ[VARIABLE] = " ".join(switches.words())


def handed_over(environment: Mapping[str, str] = os.environ) -> Switches:
    """What the step has told this process."""
    return parse(environment.get(VARIABLE, "").split())
