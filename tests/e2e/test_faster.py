"""Each switch of scripts/pretrain/faster computes what stock fairseq computes: loss, logs and every gradient.

All is done in double precision, so that another order of sums shows in the 15th digit and a mistake in the first few.
fairseq turns to single precision in eight places (`.float()`), which here leaves doubles as they are.
"""

import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="real fairseq is not installed")

import torch
import torch.nn.functional as F
from fairseq import utils
from fairseq.criterions.wav2vec_criterion import Wav2vecCriterion
from fairseq.models.wav2vec import wav2vec2
from fairseq.optim.adam import Adam
from fairseq.tasks.audio_pretraining import AudioPretrainingConfig, AudioPretrainingTask

from scripts.common import files
from scripts.pretrain import checkpoints
from scripts.pretrain.faster import adam, install, negatives, positions, together
from scripts.pretrain.faster.switches import Switches
from scripts.trainers import masks
from tests.e2e.steps import attempt, differences
from tests.e2e.test_fairseq import audio, logged, place, pretrain, trained_bits, uninterrupted

__all__ = ["audio", "place", "uninterrupted"]
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("double")]
SAMPLES = 32_240  # 100 frames of the base model's convolutions; ODD: 99, to which fairseq adds one
ODD = 32_000
EAGER = ("positions", "negatives", "unpadded")
BASE = "[({0},10,5)] + [({0},3,2)] * 4 + [({0},2,2)] * 2"
CLOSE = {"rtol": 1e-10, "atol": 1e-12}
Batch = dict[str, Any]
Update = dict[str, Any]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    single = torch.Tensor.float
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self if self.dtype == torch.float64 else single(self))
    monkeypatch.setattr(wav2vec2, "compute_mask_indices", masks.seeded(wav2vec2.compute_mask_indices))


def build(**others: Any) -> tuple[AudioPretrainingTask, Any]:
    """A task and a model with the base model's shapes, but narrow; few codes, so that some negatives are positives."""
    task = AudioPretrainingTask(AudioPretrainingConfig(data=".", max_sample_size=SAMPLES))
    settings = {"conv_feature_layers": BASE.format(16), "feature_grad_mult": 0.1, "quantize_targets": True}
    settings |= {"encoder_layers": 3, "encoder_embed_dim": 48, "encoder_ffn_embed_dim": 96, "final_dim": 24}
    settings |= {"encoder_attention_heads": 4, "latent_vars": 5, "encoder_layerdrop": 0.3}
    settings |= dict.fromkeys(("dropout", "attention_dropout", "dropout_input", "dropout_features"), 0.0)
    utils.set_torch_seed(3)
    return task, wav2vec2.Wav2Vec2Model(wav2vec2.Wav2Vec2Config(**settings | others)).double()


def batches(rows: Sequence[int], samples: int = SAMPLES) -> list[Batch]:
    """A micro-batch for each number of utterances; each is loud in another way, or codes would be used alike."""
    noise = torch.Generator().manual_seed(4)
    sources = [torch.randn(count, samples, generator=noise).double() * (place + 1) for place, count in enumerate(rows)]
    return [{"id": torch.arange(len(source)), "net_input": {"source": source}} for source in sources]


class Backward:
    """All that a task asks of an optimizer."""

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


def update(task: AudioPretrainingTask, model: Any, samples: list[Batch]) -> Update:
    """Loss, sizes, logs and gradients of an update, from where the random streams of update 7 begin."""
    criterion = Wav2vecCriterion(None, True, [0.1, 10], ["prob_perplexity", "code_perplexity", "temp"])
    utils.set_torch_seed(7)
    np.random.seed(7)
    if hasattr(task, "together"):
        task.together.announce(samples)
    sizes, logs = 0, []
    for sample in samples:
        _, size, log = task.train_step(sample, model, criterion, Backward(), 7)
        sizes += size
        logs.append(log)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return {"sizes": sizes, "logs": logs, "gradients": gradients}


def compare(ours: Update, stock: Update) -> None:
    assert ours["sizes"] == stock["sizes"] > 0
    assert len(ours["logs"]) == len(stock["logs"])
    for one, other in zip(ours["logs"], stock["logs"], strict=True):
        assert one == pytest.approx(other, rel=1e-10)
    for name, gradient in stock["gradients"].items():
        assert (gradient is None) == (ours["gradients"][name] is None), name
        if gradient is not None:
            close = torch.allclose(ours["gradients"][name], gradient, **CLOSE)
            assert close, f"{name}: {(ours['gradients'][name] - gradient).abs().max()} of {gradient.abs().max()}"


def as_it_is(model: Any) -> None:
    """No preparation."""


def both(
    switches: Switches,
    samples: list[Batch],
    prepare: Callable[[Any], None] = as_it_is,
    device: str = "cpu",
    **settings: Any,
) -> tuple[Update, Update]:
    """The update with switches on, and without any, from the same weights."""
    updates = []
    for on in (switches, Switches()):
        task, model = build(**settings)
        prepare(model)
        install.turn_on(task, model, on)
        there = [{"id": one["id"], "net_input": {"source": one["net_input"]["source"].to(device)}} for one in samples]
        updates.append(update(task, model.to(device), there))
    return updates[0], updates[1]


@pytest.mark.parametrize("name", EAGER)
@pytest.mark.parametrize("samples", [SAMPLES, ODD])
def test_a_switch_changes_neither_loss_nor_gradients(name: str, samples: int) -> None:
    ours, stock = both(Switches(frozenset({name})), batches([3, 3], samples))
    compare(ours, stock)
    assert sum(log["correct"] for log in stock["logs"]) > 0
    assert all(gradient is not None for gradient in stock["gradients"].values())


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("names", [(), EAGER])
def test_sub_batches_are_accumulated_micro_batches(at_once: int, names: tuple[str, ...]) -> None:
    # with layer drop on: each sub-batch drops its own, as it would have alone
    ours, stock = both(Switches(frozenset(names), at_once), batches([3, 3, 3, 2], ODD))
    compare(ours, stock)
    assert len({log["prob_perplexity"] for log in stock["logs"]}) == 4
    assert len({log["sample_size"] / log["nsentences"] for log in stock["logs"]}) > 1, "masks are equally long"


def test_micro_batches_of_other_lengths_go_alone() -> None:
    samples = [*batches([2, 2], ODD), *batches([3]), *batches([2], ODD)]
    compare(*both(Switches(at_once=4), samples))
    lengths = [together._length(sample) for sample in samples]
    assert together.groups(lengths, 4) == [2, 1, 1]


def test_groups_are_neighbours_of_equal_length() -> None:
    assert together.groups([5, 5, 5, 5, 5], 2) == [2, 2, 1]
    assert together.groups([5, 5, 4, 5, None, None], 8) == [2, 1, 1, 1, 1]
    assert together.groups([], 4) == []


@pytest.mark.parametrize("layer_norm_first", [False, True])
def test_large_models_and_those_that_drop_every_layer(layer_norm_first: bool) -> None:
    large = {"layer_norm_first": layer_norm_first, "extractor_mode": "layer_norm", "conv_bias": True}
    compare(*both(Switches(at_once=3), batches([2, 2, 2], ODD), **large))
    ours, stock = both(Switches(at_once=3), batches([2, 2, 2], ODD), encoder_layerdrop=0.8, **large)
    compare(ours, stock)
    assert any(gradient is None for gradient in stock["gradients"].values())


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_what_is_compiled_computes_the_same() -> None:
    def without_single_precision(model: Any) -> None:  # a compiler does not see what a fixture has patched
        for layer in model.encoder.layers:
            layer.activation_fn = F.gelu
        first = model.feature_extractor.conv_layers[0]
        norm = torch.nn.GroupNorm(first[2].num_groups, first[2].num_channels).double()
        norm.load_state_dict(first[2].state_dict())
        first[2] = norm

    names = frozenset({"compiled_features", "compiled_layers"})
    # two convolutions instead of seven: each takes seconds to compile
    settings = {"conv_feature_layers": "[(16,10,10)] + [(16,32,32)]", "encoder_layers": 2}
    compare(*both(Switches(names), batches([2], SAMPLES), without_single_precision, **settings))
    from torch._dynamo.utils import counters

    assert counters["stats"]["unique_graphs"] == 2, "one program for the convolutions, one for all layers"


def test_negatives_are_those_of_fairseq_and_equal_ones_are_none() -> None:
    _, model = build()
    y = torch.randn(2, 9, 24).double()
    y[:, 3] = y[:, 5]
    x = torch.randn(2, 9, 24).double()
    torch.manual_seed(1)
    stock, _ = model.sample_negatives(y, 9)
    expected = model.compute_preds(x, y, stock)
    torch.manual_seed(1)
    frames = negatives.draw(2, 9, model.n_negatives, 9).view(2, 9, -1)
    torch.testing.assert_close(negatives.logits(x, y, frames, model.logit_temp), expected, **CLOSE)
    equal = negatives.equal_to_positive(y, frames)
    assert equal.any() and torch.equal(equal.permute(2, 0, 1), (stock == y).all(-1))
    whole, negatives_compared = negatives.COMPARED, negatives.equal_to_positive
    try:
        negatives.COMPARED = 24 * 100 * 4  # four frames at a time
        assert torch.equal(negatives_compared(y, frames), equal)
    finally:
        negatives.COMPARED = whole


@pytest.mark.parametrize(("width", "frames"), [(128, 99), (128, 300), (5, 16), (1, 7)])
def test_the_convolution_by_spectra(width: int, frames: int) -> None:
    x, weight, bias = (torch.randn(*shape).double() for shape in ((2, 12, frames), (8, 3, width), (8,)))
    stock = F.conv1d(x, weight, bias, padding=width // 2, groups=4)
    torch.testing.assert_close(positions.convolve(x, weight, bias, 4), stock, **CLOSE)
    half = positions.convolve(x.bfloat16(), weight.bfloat16(), bias.bfloat16(), 4)
    assert half.dtype == torch.bfloat16 and half.shape == stock.shape
    assert (half.double() - stock).norm() / stock.norm() < 0.01


def test_transforms_have_smooth_sizes() -> None:
    assert [positions.smooth(least) for least in (1, 7, 11, 127, 909, 1025)] == [2, 8, 12, 128, 960, 1080]


def test_adam_is_fairseqs() -> None:
    torch.manual_seed(1)
    shapes = [(3, 4), (5,), (2, 2)]
    ours, stock = ([torch.nn.Parameter(torch.ones(shape).double()) for shape in shapes] for _ in range(2))
    settings = {"lr": 0.01, "betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 0.01}
    one, other = (Adam(parameters, **settings) for parameters in (ours, stock))
    for number in range(4):
        for mine, theirs in zip(ours, stock, strict=True):
            theirs.grad = torch.randn_like(theirs)
            mine.grad = theirs.grad.clone()
        if number < 2:
            ours[1].grad = stock[1].grad = None  # a layer that was dropped: it has counted fewer steps
        adam.update(one, one.param_groups[0])
        other.step()
    for mine, theirs in zip(ours, stock, strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)
        torch.testing.assert_close(one.state[mine], other.state[theirs], **CLOSE)
    assert not adam.fits(one.param_groups[0]), "on a CPU the stock step stays"


@pytest.mark.parametrize("other", [{"mask_channel_prob": 0.1}, {"cross_sample_negatives": 5}])
def test_other_kinds_of_models_are_refused(other: dict[str, Any]) -> None:
    task, model = build(**other)
    with pytest.raises(RuntimeError, match="at_once: sub-batches were not written for this kind of model"):
        install.turn_on(task, model, Switches(at_once=2))


def test_a_real_run_with_switches_on_is_the_same_run(place, uninterrupted, tmp_path) -> None:
    """The step's own command line: the same identity, a sidecar that tells, and segments that end as one run does."""
    words = {"faster": ["at_once=2", *EAGER]}
    whole = pretrain(place(tmp_path / "whole", 12, **words))
    assert whole.work().name == uninterrupted.work().name
    assert files.read_json(whole.output.with_suffix(".json"))["faster"] == words["faster"]
    assert files.read_json(uninterrupted.output.with_suffix(".json"))["faster"] == []
    for kind in ("train_inner", "valid"):
        one, other = ([float(line[_loss(kind)]) for line in logged(run, kind)] for run in (whole, uninterrupted))
        assert one == pytest.approx(other, rel=0.05)
        assert len(one) == len(other) > 2

    half = place(tmp_path / "rest", 6)
    (saved,) = whole.work().glob("checkpoints/checkpoint_*_6.pt")
    for published in (half.output, half.best):
        checkpoints.publish(saved, published, {})
    rest = pretrain(place(tmp_path / "rest", 12, half, **words))
    assert logged(rest, "train_inner")[0]["num_updates"] == "7"
    assert list(differences(trained_bits(whole.output), trained_bits(rest.output))) == []


def _loss(kind: str) -> str:
    return {"train_inner": "loss", "valid": "valid_loss"}[kind]


def test_a_real_run_refuses_what_it_does_not_know(place, tmp_path) -> None:
    finished = attempt("scripts.pretrain.pretrain", **place(tmp_path, 6, faster=["wings"]).options)
    assert finished.returncode == 1
    assert finished.stdout.startswith("error: wings makes nothing faster: use some of at_once=N, positions, ")
    assert list(tmp_path.iterdir()) == []
