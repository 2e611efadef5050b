"""The three steps that take a GPU, on a real one: python -m pytest tests/gpu"""

import json

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="real fairseq is not installed")
pytest.importorskip("espnet2", reason="ESPnet is not installed (workflow/envs/espnet.yaml)")

import torch
from fairseq.optim.adam import Adam

from scripts.pretrain.faster import adam
from scripts.pretrain.faster.switches import NAMES, Switches
from tests.e2e import test_espnet, test_fairseq, test_faster
from tests.e2e.steps import step
from tests.e2e.test_espnet import corpus, encoder, finetune
from tests.e2e.test_fairseq import audio, logged, pretrain
from tests.e2e.test_faster import double

__all__ = ["audio", "corpus", "double", "encoder"]
pretraining = test_fairseq.place
finetuning = test_espnet.place
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use")


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


@pytest.mark.parametrize("precision", ["auto", "fp16", "fp32"])
def test_pre_training_on_one_gpu(one_gpu, pretraining, tmp_path, precision: str) -> None:
    milestone = pretrain(pretraining(tmp_path, 12, precision=precision))
    facts = json.loads(milestone.output.with_suffix(".json").read_text())
    best = "bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp16"
    assert facts["precision"] == {"auto": best}.get(precision, precision)
    assert (facts["device"], facts["processes"]) == (torch.cuda.get_device_name(0), 1)
    losses = [float(line["loss"]) for line in logged(milestone, "train_inner")]
    assert losses[-1] < losses[0]


def test_pre_training_with_every_switch_on(one_gpu, pretraining, tmp_path) -> None:
    words = ["at_once=2", *NAMES]
    milestone = pretrain(pretraining(tmp_path, 12, precision="auto", faster=words))
    assert json.loads(milestone.output.with_suffix(".json").read_text())["faster"] == words
    losses = [float(line["loss"]) for line in logged(milestone, "train_inner")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("at_once", [1, 4])
def test_sub_batches_are_accumulated_micro_batches_on_a_gpu(one_gpu, double, at_once: int) -> None:
    samples = test_faster.batches([3, 3, 3, 3], test_faster.ODD)
    switches = Switches(frozenset(test_faster.EAGER), at_once)
    test_faster.compare(*test_faster.both(switches, samples, device="cuda"))


def test_adam_for_all_parameters_at_once(one_gpu) -> None:
    def trained(step) -> list[torch.Tensor]:
        torch.manual_seed(1)
        parameters = [torch.nn.Parameter(torch.ones(size, device="cuda")) for size in (5, 70_000)]
        optimizer = Adam(parameters, lr=0.01, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)
        for _ in range(3):
            for p in parameters:
                p.grad = torch.randn_like(p)
            step(optimizer)
        return parameters

    ours = trained(lambda optimizer: adam.update(optimizer, optimizer.param_groups[0]))
    torch.testing.assert_close(ours, trained(lambda optimizer: optimizer.step()), rtol=1e-6, atol=1e-7)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has fewer than two GPUs")
def test_pre_training_on_two_gpus(monkeypatch, pretraining, tmp_path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    milestone = pretrain(pretraining(tmp_path, 12))
    facts = json.loads(milestone.output.with_suffix(".json").read_text())
    assert (facts["processes"], facts["update_freq"]) == (2, 1)


def test_what_a_gpu_learnt_is_transcribed_on_both_alike(one_gpu, monkeypatch, finetuning, corpus, tmp_path) -> None:
    run = finetune(finetuning(tmp_path))
    assert json.loads(run.output.with_suffix(".json").read_text())["device"] == torch.cuda.get_device_name(0)
    average = tmp_path / "average.pth"
    step("scripts.finetune.average_weights", epochs=run.output, last=2, output=average)
    texts = []
    for devices in ("0", ""):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
        text = tmp_path / f"text-{devices}"
        options = {"config": average.with_suffix(".yaml"), "weights": average, "encoder": run.options["encoder"]}
        options |= {"utterances": corpus.utterances, "root": corpus.root, "source": corpus.utterances}
        options |= {"subsets": ["test"], "outputs": [text]}
        step("scripts.evaluate.transcribe", **options)
        texts.append(text.read_text(encoding="utf-8").splitlines())
    differing = sum(one != other for one, other in zip(*texts, strict=True))
    assert len(texts[0]) > 0 and differing <= len(texts[0]) // 20
