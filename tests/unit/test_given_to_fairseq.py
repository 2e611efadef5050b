"""Whatever is taken of what fairseq has ever saved ends as an encoder that fairseq loads, with the same output."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")

from scripts.common import files  # noqa: E402
from scripts.pretrain import provide_checkpoint  # noqa: E402
from tests.unit.test_hugging_face import BASE, LARGE, loaded, original  # noqa: E402

TASK = {"_name": "audio_pretraining", "data": "/gone", "normalize": False, "sample_rate": 16000}
HISTORY = {"optimizer_history": [{"num_updates": 3, "optimizer_name": "FairseqAdam", "lr_scheduler_state": {}}]}
HISTORY |= {"extra_state": {"epoch": 1}}


def flat(settings: dict[str, Any]) -> Namespace:
    """As fairseq 0.10 kept all options."""
    return Namespace(arch="wav2vec2", task="audio_pretraining", data="/gone", criterion="wav2vec", **settings)


def with_cfg(settings: dict[str, Any]) -> dict[str, Any]:
    return {"args": None, "cfg": {"model": {"_name": "wav2vec2", **settings}, "task": TASK}}


def fine_tuned(weights: dict[str, Any]) -> dict[str, Any]:
    encoder = {f"w2v_encoder.w2v_model.{name}": weight for name, weight in weights.items() if "proj." not in name[:12]}
    kept = {name: weight for name, weight in encoder.items() if "quantizer" not in name}
    return kept | {"w2v_encoder.proj.weight": torch.zeros(30, 32), "w2v_encoder.proj.bias": torch.zeros(30)}


def checkpoint(kind: str, settings: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """One of the kinds that lie about in the world."""
    return {
        "with cfg": with_cfg(settings) | HISTORY | {"model": weights},
        "with args": {"args": flat(settings)} | HISTORY | {"model": weights},
        "without its history": with_cfg(settings) | {"model": weights},
        "with args, without its history": {"args": flat(settings), "model": weights},
        "fine-tuned": {
            "cfg": {"model": {"_name": "wav2vec_ctc", "w2v_args": with_cfg(settings)["cfg"]}, "task": {"_name": "x"}},
            "model": fine_tuned(weights),
        },
        "fine-tuned, with args": {
            "args": Namespace(arch="wav2vec_ctc", w2v_args=flat(settings)),
            "model": fine_tuned(weights),
            **HISTORY,
        },
    }[kind]


KINDS = ["with cfg", "with args", "without its history", "with args, without its history"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "fine-tuned", "fine-tuned, with args"])
@pytest.mark.parametrize("settings", [BASE, LARGE], ids=["base", "large"])
def test_fairseq_loads_what_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], kind: str
) -> None:
    first, source, given = original(settings), tmp_path / "elsewhere.pt", tmp_path / "given.pt"
    torch.save(checkpoint(kind, settings, dict(first.state_dict())), source)
    words = ["--path", source, "--sha256", files.sha256(source), "--key", "checkpoints.x", "--output", given]
    monkeypatch.setattr(sys, "argv", ["provide_checkpoint", *map(str, words)])
    provide_checkpoint.main()
    again, waveform = loaded(monkeypatch, given), torch.randn(2, 4000)
    with torch.no_grad():
        one, other = (model(waveform, mask=False, features_only=True)["x"] for model in (first, again))
    assert one.std() > 0.1 and torch.equal(one, other)
    assert again.cfg.mask_prob == 0.65
