"""Models of stock transformers, and the files beside them, without a line of ours that a user would have to trust."""

import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from scripts.common import files
from scripts.common.rates import SAMPLE_RATE
from scripts.common.tokens import BLANK, END, SPACE, UNKNOWN
from scripts.export.handed_over import Model
from scripts.finetune import espnet_numerics

CLASSES = {"recogniser": "Wav2Vec2ForCTC", "pretraining": "Wav2Vec2ForPreTraining", "encoder": "Wav2Vec2Model"}
_PREFIX = "wav2vec2."


@cache
def transformers() -> ModuleType:
    """The package. It imports torchaudio where it finds it, and that of the one environment of `make` is for CUDA: what
    lets ESPnet import it beside a torch for CPUs helps here, too. (It is private there, since trainings are known by
    that module: another name would make finished ones stale.)
    """
    if torch.version.cuda is None:
        espnet_numerics._hide_torchaudio_extensions()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


def build(what: str, handed: Model) -> torch.nn.Module:
    """The model in evaluation mode; `what`: a key of CLASSES. No tensor is missing, and none is left over.

    An encoder is there to be fine-tuned: it says transformers' masks (5 % of the frames) instead of pre-training's.
    """
    tokens = {}
    if handed.tokens:
        blank, end = handed.tokens.index(BLANK), handed.tokens.index(END)
        tokens = {"pad_token_id": blank, "bos_token_id": end, "eos_token_id": end}  # CTC's blank is its padding
    settings = {key: handed.config[key] for key in handed.config if what != "encoder" or not key.startswith("mask_")}
    config = transformers().Wav2Vec2Config(**settings, **tokens, ctc_zero_infinity=True)
    model = getattr(transformers(), CLASSES[what])(config)
    weights = handed.weights
    if what == "encoder":
        weights = {n.removeprefix(_PREFIX): weights[n] for n in weights if n.startswith(_PREFIX)}
    model.load_state_dict(weights)
    return model.eval()


def save(model: torch.nn.Module, handed: Model, folder: Path) -> None:
    """Everything that from_pretrained and pipeline look for in a folder."""
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # they make it for its owner alone
    extractor = transformers().Wav2Vec2FeatureExtractor(
        sampling_rate=SAMPLE_RATE, do_normalize=handed.normalize, return_attention_mask=_masks(handed.config)
    )
    extractor.save_pretrained(folder)  # also where a processor repeats it: releases before 5 look for this file
    if not handed.tokens:
        return
    tokenizer = tokenizer_of(handed.tokens, folder / "vocab.json")
    transformers().Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)


def tokenizer_of(tokens: list[str], vocabulary: Path) -> Any:
    """Writes the vocabulary. A space is `|` there, as transformers knows it, since it spells its delimiter in letters.

    Where words are not learnt there is none, and the blank stands in its place: another would be a token that the model
    has not.
    """
    delimiter = BLANK if SPACE not in tokens else SPACE if "|" in tokens else "|"
    numbers = {delimiter if token == SPACE else token: number for number, token in enumerate(tokens)}
    files.write_text(vocabulary, json.dumps(numbers, ensure_ascii=False, indent=2) + "\n")
    named = {"pad_token": BLANK, "unk_token": UNKNOWN, "bos_token": END, "eos_token": END}
    named |= {"word_delimiter_token": delimiter}
    return transformers().Wav2Vec2CTCTokenizer(str(vocabulary), **named, clean_up_tokenization_spaces=False)


def _masks(config: dict[str, Any]) -> bool:
    """Whether padding is told to the model: group norm over time hears it all the same, so that it does not help."""
    return config["feat_extract_norm"] == "layer"


def load(what: str, folder: Path) -> torch.nn.Module:
    """What was saved, as a user loads it, in evaluation mode."""
    return getattr(transformers(), CLASSES[what]).from_pretrained(folder).eval()


def processor(folder: Path) -> Any:
    """What makes the input of a recogniser that was saved, and text of its output."""
    return transformers().Wav2Vec2Processor.from_pretrained(folder)


@torch.inference_mode()
def outputs(what: str, model: torch.nn.Module, waveform: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is compared with the trainer's own: of waveforms (1, T) the outputs by name, each without the batch."""
    made = model(waveform)
    if what == "recogniser":
        return {"logits": made.logits[0]}
    if what == "encoder":
        return {"hidden": made.last_hidden_state[0]}
    hidden = model.wav2vec2(waveform).last_hidden_state[0]
    return {"hidden": hidden, "predicted": made.projected_states[0], "quantized": made.projected_quantized_states[0]}
