"""Transcribe subsets of a corpus with a fine-tuned model by CTC's best path, in one process: the model loads once.

Greedy best path is what a CTC head without language model says by itself. Utterances go through one at a time:
padding changes wav2vec 2.0 base's output, because the first layer's group norm runs over time.
"""

import argparse
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: more threads slow these short utterances down

import numpy as np
import pandas as pd
import torch
import yaml

from scripts.common import audio, files, provenance, quiet, sidecars, sources, tables
from scripts.common.bars import shown
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.frames import Framing
from scripts.common.tokens import SPACE, text_of
from scripts.evaluate import identity
from scripts.finetune import espnet_numerics

BLANK = 0


def best_path(frames: list[int], tokens: list[str]) -> str:
    """Collapse repeats of the frames' most probable tokens, then drop blanks (Graves et al., 2006)."""
    return text_of(tokens[token] for token, _ in itertools.groupby(frames) if token != BLANK)


class Recogniser(torch.nn.Module):
    """ESPnet's encoder and CTC head under the names they have in a whole model, which takes ten seconds to import."""

    def __init__(self, settings: dict[str, Any]) -> None:
        from espnet2.asr.ctc import CTC
        from espnet2.asr.encoder.wav2vec2_encoder import FairSeqWav2Vec2Encoder

        super().__init__()
        self.encoder = FairSeqWav2Vec2Encoder(settings["input_size"], **settings["encoder_conf"])
        self.ctc = CTC(len(settings["token_list"]), self.encoder.output_size(), **settings["ctc_conf"])

    def encode(self, speech: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As ESPnet's model does where nothing stands before and behind the encoder."""
        return self.encoder(speech, lengths)[:2]


def is_all_of(settings: dict[str, Any]) -> bool:
    """Whether encoder and head are all that decodes in a model of ESPnet's."""
    others = ("frontend", "normalize", "preencoder", "postencoder", "use_adapter")
    usual = settings.get("encoder") == "wav2vec2" and settings.get("model") == "espnet"
    return usual and settings["input_size"] is not None and not any(settings.get(name) for name in others)


def recogniser(settings: dict[str, Any], weights: Path, device: str) -> torch.nn.Module:
    """Encoder and head with a model's weights."""
    model = Recogniser(settings).to(device)
    state = torch.load(weights, map_location=device, weights_only=True)
    model.load_state_dict({name: state[name] for name in state if name.startswith(("encoder.", "ctc."))})
    return model


def whole_model(settings: dict[str, Any], weights: Path, device: str) -> torch.nn.Module:
    """What ESPnet makes of a recipe that has more."""
    from espnet2.tasks.asr import ASRTask

    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(yaml.safe_dump(settings, allow_unicode=True))
        file.flush()
        return ASRTask.build_model_from_file(file.name, str(weights), device)[0]


def load(config: Path, weights: Path, encoder: Path, device: str) -> tuple[torch.nn.Module, list[str]]:
    """ESPnet's model in evaluation mode, and its tokens.

    The encoder's place is set anew: the configuration holds the path at which it was trained.
    """
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["encoder_conf"] |= {"w2v_url": encoder.name, "w2v_dir_path": str(encoder.parent.resolve())}
    espnet_numerics.install()
    model = (recogniser if is_all_of(settings) else whole_model)(settings, weights, device)
    return model.eval(), settings["token_list"]


@torch.inference_mode()
def transcribe(model: torch.nn.Module, tokens: list[str], samples: np.ndarray, device: str) -> str:
    """Transcript of 16 kHz samples (T,), float32 in [-1, 1); empty where they are too few for the encoder's frame."""
    if not Framing.of_layers(model.encoder.encoders.cfg.conv_feature_layers).frames(len(samples)):
        return ""
    speech = torch.from_numpy(samples)[None].to(device)
    encoded, _ = model.encode(speech, torch.tensor([len(samples)], device=device))
    return best_path(model.ctc.argmax(encoded)[0].tolist(), tokens)


def hypotheses(
    model: torch.nn.Module, tokens: list[str], utterances: pd.DataFrame, root: Path, device: str
) -> Iterator[str]:
    """Lines of Kaldi text, `id SPACE transcript`; an empty transcript leaves the id alone."""
    for row in shown(utterances.itertuples(), len(utterances), " utterances"):
        samples = np.frombuffer(audio.read_pcm(root / row.path, row.samples), dtype="<i2").astype(np.float32) / 32768
        yield f"{row.utterance} {transcribe(model, tokens, samples, device)}".rstrip() + "\n"


def main() -> None:
    """Parse the command line and write one text file a subset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="what ESPnet wrote as config.yaml in training")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint that the fine-tuning started from")
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="where the corpus lies")
    parser.add_argument("--source", type=Path, required=True, help="--utterances, or the folder of converted audio")
    parser.add_argument("--subsets", nargs="+", required=True)
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="one a subset; sidecars lie beside them")
    arguments = parser.parse_args()

    quiet.libraries()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    utterances = tables.read_utterances(arguments.utterances)
    unpickled = [sidecars.verified(path)["sha256"] for path in (arguments.weights, arguments.encoder)]
    made_of = [arguments.weights.stem, *unpickled]
    model, tokens = load(arguments.config, arguments.weights, arguments.encoder, device)
    for subset, output in zip(arguments.subsets, arguments.outputs, strict=True):
        chosen = utterances[utterances["subset"] == subset]
        if chosen.empty:
            raise StepError(f"{arguments.utterances} has no utterance of subset {subset}")
        root = sources.root_of(arguments.source, arguments.root)
        files.write_text(output, "".join(hypotheses(model, tokens, chosen, root, device)))
        heard = (tables.digests_of(chosen)["heard"], sources.audio_of(arguments.source).get(subset))
        made_from = identity.transcript(subset, *made_of, *heard, code_digest(__spec__.name))
        above = (arguments.weights, arguments.encoder, arguments.utterances, arguments.source)
        facts = {"device": device, "word_boundary": SPACE in tokens}
        facts |= provenance.circumstances("espnet", "torch", "espnet")
        sidecars.write(output, made_from, above, **facts)
        print(f"{len(chosen)} utterances of {subset} transcribed: {output}", flush=True)


if __name__ == "__main__":
    exit_on_error(main)
