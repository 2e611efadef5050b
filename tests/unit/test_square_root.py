"""Square roots that round correctly, which MKL's do not."""

import math
import warnings
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.trainers.square_root import exact  # noqa: E402

ROOT = exact(torch.Tensor.sqrt)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_roots_of_floats_are_the_nearest_floats(random: np.random.Generator) -> None:
    # a double has more than twice a float's bits and two, so rounding its root again is rounding once (Figueroa 1995)
    numbers = np.concatenate([random.random(20_000), 10 ** random.uniform(-44, 38, 20_000)]).astype(np.float32)
    expected = np.array([math.sqrt(number) for number in numbers.tolist()], np.float32)
    np.testing.assert_array_equal(ROOT(torch.from_numpy(numbers)).numpy(), expected)


def test_roots_of_doubles_are_the_nearest_doubles(random: np.random.Generator) -> None:
    numbers = [*random.random(2_000).tolist(), *(10 ** random.uniform(-307, 308, 2_000)).tolist()]
    expected = [float(Context(prec=50).sqrt(Decimal(number))) for number in numbers]
    assert ROOT(torch.tensor(numbers, dtype=torch.float64)).tolist() == expected


def test_numbers_that_are_none_of_the_kind_are_as_in_torch() -> None:
    numbers = torch.tensor([0.0, -0.0, math.inf, math.nan, -1.0, -math.inf, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        roots = ROOT(numbers)
    np.testing.assert_array_equal(roots.numpy(), np.float32([0, -0.0, np.inf, np.nan, np.nan, np.nan, 2]))
    assert math.copysign(1, roots[1].item()) == -1


def test_any_shape_keeps_it_and_the_argument_stays() -> None:
    squares = torch.arange(24.0).reshape(2, 3, 4) ** 2
    before = squares.clone()
    for part in (squares, squares.mT, squares[:, 1], squares[..., ::2], squares[:0], squares[1, 2, 3]):
        root = ROOT(part)
        assert root.shape == part.shape and root.dtype == part.dtype
        assert torch.equal(root**2, part)
    assert torch.equal(squares, before)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, requires_grad=True),
        torch.ones(3, dtype=torch.float16),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3, dtype=torch.int64),
        torch.ones(3, dtype=torch.complex64),
        torch.ones(3).to_sparse(),
        torch.ones(3, device="meta"),
    ],
    ids=["with a gradient", "float16", "bfloat16", "int64", "complex64", "sparse", "on another device"],
)
def test_elsewhere_torch_is_asked(tensor: Any) -> None:
    assert exact(lambda asked: ("torch", asked))(tensor) == ("torch", tensor)


def test_gradients_flow_as_before() -> None:
    number = torch.tensor([4.0, 0.25], requires_grad=True)
    ROOT(number).sum().backward()
    assert number.grad.tolist() == [0.25, 1.0]  # 1 / (2 sqrt(x))


def fairseq_adam(parameters: list[Any]) -> Any:
    return pytest.importorskip("fairseq.optim.adam", reason="fairseq is not installed").Adam(parameters)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW, fairseq_adam])
def test_adam_takes_its_roots_by_the_method_that_is_wrapped(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that takes them by another function (torch._foreach_sqrt, a fused kernel) would have to be met there."""
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 3), (4,), ())]
    adam = optimizer(parameters)
    asked = []
    monkeypatch.setattr(torch.Tensor, "sqrt", lambda tensor: asked.append(tensor.shape) or ROOT(tensor))
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 0.5)
    adam.step()
    assert asked == [parameter.shape for parameter in parameters]
