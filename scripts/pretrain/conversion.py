"""What a checkpoint that was given is, once it is loaded, and what has to be made of it so that fairseq loads it.

This decides what trainings start from: a change has checkpoints converted again, and what was trained from them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from scripts.common.errors import StepError
from scripts.pretrain import hugging_face

_OF_FINE_TUNING = "w2v_encoder.w2v_model."  # the encoder within fairseq's fine-tuned models
_HISTORY = ("extra_state", "optimizer_history")


def convert(content: Any, configuration: Callable[[], Mapping[str, Any]], source: str) -> tuple[dict[str, Any], str]:
    """The checkpoint for fairseq, and in words what it was made of; no words where it is one already.

    `content`: what was loaded; `configuration` brings the config.json beside it. Heads that a checkpoint lacks stay
    missing. Raises StepError for what cannot become a checkpoint of wav2vec 2.0.
    """
    if not isinstance(content, Mapping):
        raise StepError(
            f"{source} holds a {type(content).__name__} instead of a checkpoint by name: give fairseq's .pt, or "
            "model.safetensors or pytorch_model.bin with its config.json"
        )
    if isinstance(content.get("model"), Mapping):
        return _of_fairseq(dict(content), source)
    if not content or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise StepError(
            f"{source} holds {', '.join(sorted(map(str, content))[:4]) or 'nothing'} and no model: give the checkpoint "
            "of pre-training as fairseq or transformers has saved it"
        )
    if any(name.startswith("encoder.encoders.") for name in content):
        raise StepError(
            f"{source} is a model that ESPnet has fine-tuned: give the wav2vec 2.0 checkpoint that it was made from"
        )
    if not hugging_face.is_one(content):
        raise StepError(
            f"{source} holds weights alone, and not under the names of transformers' wav2vec 2.0: give the checkpoint "
            "of pre-training as fairseq or transformers has saved it"
        )
    tuned = "fine-tuned " if hugging_face.is_fine_tuned(content) else ""
    return hugging_face.convert(content, configuration(), source), f"{tuned}model of Hugging Face"


def settings_of(state: Mapping[str, Any], source: str) -> Any:
    """The section `model` of a fairseq checkpoint's configuration: cfg, or the flat args of 0.10 and before."""
    if state.get("cfg") is not None:
        return state["cfg"]["model"]
    if state.get("args") is not None:
        return vars(state["args"])
    raise StepError(
        f"{source} holds neither cfg nor args, so that its architecture is not known: give the checkpoint as fairseq "
        "has saved it"
    )


def normalizes(state: Mapping[str, Any]) -> bool:
    """Whether it was pre-trained on waveforms of mean 0 and variance 1."""
    if state.get("cfg") is not None:
        return bool(state["cfg"].get("task", {}).get("normalize", False))
    return bool(getattr(state.get("args"), "normalize", False))


def _of_fairseq(state: dict[str, Any], source: str) -> tuple[dict[str, Any], str]:
    settings = settings_of(state, source)
    if any(name.startswith(_OF_FINE_TUNING) for name in state["model"]):
        return _encoder_of(state, settings, source), "model that fairseq has fine-tuned"
    name = settings.get("_name") or settings.get("arch") or "wav2vec2"
    if not name.startswith("wav2vec2"):
        raise StepError(f"{source} is a {name} of fairseq, and only wav2vec 2.0 is taken: give another checkpoint")
    return state, ""


def _encoder_of(state: dict[str, Any], settings: Any, source: str) -> dict[str, Any]:
    """What was pre-trained of a fine-tuned model. fairseq takes the heads of pre-training away as it fine-tunes."""
    pretrained = settings.get("w2v_args")
    if pretrained is None:
        raise StepError(
            f"{source} is a model that fairseq has fine-tuned, and says nothing of the one that it was made from: "
            "give that one"
        )
    kept = {key: state[key] for key in _HISTORY if key in state}
    weights = {
        name.removeprefix(_OF_FINE_TUNING): tensor
        for name, tensor in state["model"].items()
        if name.startswith(_OF_FINE_TUNING)
    }
    if hasattr(pretrained, "get"):
        configuration = {"args": None, "cfg": {key: pretrained[key] for key in ("model", "task")}}
    else:
        configuration = {"args": pretrained, "cfg": None}
    return {**configuration, "model": weights, **kept}
