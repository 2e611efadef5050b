"""How many frames an encoder makes of audio: a stack of convolutions without padding, as wav2vec 2.0 begins with."""

import argparse
from dataclasses import dataclass

from scripts.common.rates import SAMPLE_RATE


@dataclass(frozen=True)
class Framing:
    """`field`: how many samples a frame hears (its receptive field); `stride`: from the begin of one to that of the
    next.
    """

    field: int
    stride: int

    @classmethod
    def of_ms(cls, field: float, stride: float) -> "Framing":
        """Of milliseconds, to the nearest sample."""
        return cls(*(max(1, round(value * SAMPLE_RATE / 1000)) for value in (field, stride)))

    @classmethod
    def of_layers(cls, layers: str) -> "Framing":
        """Of fairseq's conv_feature_layers: an expression for a list of (channels, kernel, stride).

        fairseq evaluates it when the checkpoint is loaded, which runs what it likes before.
        """
        field = stride = 1
        for _, kernel, step in eval(layers):
            field += (kernel - 1) * stride
            stride *= step
        return cls(field, stride)

    def frames(self, samples: int) -> int:
        """Of so many samples; 0 where there are fewer than a frame hears."""
        return max(0, (samples - self.field) // self.stride + 1)

    def in_ms(self) -> tuple[float, float]:
        """Field and stride."""
        return self.field * 1000 / SAMPLE_RATE, self.stride * 1000 / SAMPLE_RATE


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the encoders of a task take; wav2vec 2.0 where nothing is said."""
    parser.add_argument("--receptive-field-ms", type=float, default=25, help="how much audio a frame hears")
    parser.add_argument("--stride-ms", type=float, default=20, help="from one frame to the next")
    parser.add_argument("--mask-frames", type=int, default=10, help="the length of a mask; 0: nothing is masked")
