"""How many frames there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.frames import Framing
from scripts.finetune.prepare_encoder import LAYERS
from scripts.finetune.unusable import frames_for

# what fairseq's recipes and the demo's have
BASE = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
DEMO = "[(48, 20, 10)] + [(48, 8, 4)] + [(64, 8, 4)] + [(64, 8, 2)]"


def test_by_hand() -> None:
    """Base: 10, then 2, 2, 2, 2, 1, 1 more taps of kernels every 5, 10, 20, 40, 80, 160 samples; 5 by 2 six times."""
    base = Framing(10 + 2 * 5 + 2 * 10 + 2 * 20 + 2 * 40 + 80 + 160, 5 * 2**6)
    assert base == Framing(400, 320) == Framing.of_layers(BASE) == Framing.of_layers(LAYERS) == Framing.of_ms(25, 20)
    demo = Framing(20 + 7 * 10 + 7 * 40 + 7 * 160, 10 * 4 * 4 * 2)
    assert demo == Framing(1490, 320) == Framing.of_layers(DEMO) == Framing.of_ms(93.125, 20)
    assert demo.in_ms() == (93.125, 20)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (719, 1), (720, 2), (16_000, 49)])
def test_frames_of_base(samples: int, frames: int) -> None:
    assert Framing(400, 320).frames(samples) == frames


LAYER = st.integers(1, 9).flatmap(lambda kernel: st.tuples(st.just(1), st.just(kernel), st.integers(1, kernel)))


@given(st.lists(LAYER, min_size=1, max_size=5), st.integers(0, 5000))
def test_against_one_layer_after_the_other(layers: list[tuple[int, int, int]], samples: int) -> None:
    length = samples
    for _, kernel, stride in layers:
        length = (length - kernel) // stride + 1 if length >= kernel else 0
    assert Framing.of_layers(repr(layers)).frames(samples) == length


@pytest.mark.parametrize(
    ("tokens", "frames"),
    [("", 0), ("好", 1), ("好的", 2), ("好好", 3), ("好好好", 5), ("好的好", 3), ("谢谢你们们", 7)],
)
def test_ctc_needs_a_blank_between_two_that_are_the_same(tokens: str, frames: int) -> None:
    assert frames_for(list(tokens)) == frames
