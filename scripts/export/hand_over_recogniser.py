"""Hand a fine-tuned recogniser over: its weights under transformers' names, and what ESPnet makes of utterances of dev.

They are compared with what others' programs make of them (scripts/export/parity.py). Which ones is fixed: they lie
evenly among the subset's, in the order of its list.
"""

import argparse
import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: as scripts.evaluate.transcribe does

import numpy as np
import pandas as pd
import torch

from scripts.common import audio, provenance, quiet, sidecars, sources, tables
from scripts.common.errors import StepError, exit_on_error
from scripts.common.frames import Framing
from scripts.evaluate import transcribe
from scripts.export import handed_over, rows
from scripts.export.handed_over import Model, Utterance
from scripts.export.heads import head_of
from scripts.export.translated import HEADS, config_of, tensors_of

COMPARED, WITH_LOGITS = 200, 20  # utterances whose texts are compared, and of how many of them the logits, too
ENCODER = "encoder.encoders."


def evenly(utterances: pd.DataFrame, count: int) -> pd.DataFrame:
    """So many of them, or all, at equal distances."""
    places = np.linspace(0, len(utterances) - 1, min(count, len(utterances)))
    return utterances.iloc[np.unique(places.round().astype(int))]


@torch.inference_mode()
def logits_of(model: torch.nn.Module, samples: np.ndarray) -> np.ndarray:
    """int16 (T,) -> float32 (frames, tokens): what ESPnet's head says before the softmax."""
    speech = torch.from_numpy(handed_over.waveform(samples))[None]
    encoded, _ = model.encode(speech, torch.tensor([speech.shape[1]]))
    return model.ctc.ctc_lo(encoded)[0].numpy()


def translate(model: torch.nn.Module, tokens: list[str], source: str) -> tuple[dict[str, object], handed_over.Tensors]:
    """Keys of Wav2Vec2Config, and the tensors of a Wav2Vec2ForCTC."""
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    encoder = {name.removeprefix(ENCODER): state[name] for name in state if name.startswith(ENCODER)}
    tensors = tensors_of(encoder, source)
    config = config_of(model.encoder.encoders.cfg)
    head, keys = head_of(state, config["hidden_size"])
    found = {f"wav2vec2.{name}": tensor for name, tensor in tensors.items() if not name.startswith(HEADS)}
    return config | keys | {"vocab_size": len(tokens)}, found | head


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="cer.tsv")
    parser.add_argument("--provenance", type=Path, required=True)
    parser.add_argument("--finetuning", required=True, help="the task")
    parser.add_argument("--start", required=True, help="MODEL/CHECKPOINT, or best: fewest errors on dev")
    parser.add_argument("--average-last", type=int, required=True)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="where the corpus lies")
    parser.add_argument("--source", type=Path, required=True, help="--utterances, or the folder of converted audio")
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    arguments = parser.parse_args()

    quiet.libraries()
    row = rows.choose(arguments.table, arguments.finetuning, arguments.start)
    weights = rows.there(row.part("average", last=arguments.average_last).file)
    encoder = rows.there(row.part("encoder").file)
    config = rows.there(str(weights.with_suffix(".yaml")))
    for path in (weights, encoder):
        sidecars.verified(path)
    model, tokens = transcribe.load(config, weights, encoder, "cpu")
    if not isinstance(model, transcribe.Recogniser):
        raise StepError(f"{config} describes more than an encoder and a CTC head: transformers has no such model")

    listed = tables.read_utterances(arguments.utterances)
    framing = Framing.of_layers(model.encoder.encoders.cfg.conv_feature_layers)
    of_dev = listed[(listed["subset"] == "dev") & (listed["samples"] >= framing.field)]
    chosen = evenly(of_dev, COMPARED)
    root = sources.root_of(arguments.source, arguments.root)
    samples, utterances = {}, []
    for found in chosen.itertuples():
        pcm = np.frombuffer(audio.read_pcm(root / found.path, found.samples), dtype="<i2")
        heard = transcribe.transcribe(model, tokens, handed_over.waveform(pcm), "cpu")
        samples[found.utterance] = pcm
        utterances.append(Utterance(found.utterance, found.transcript, heard))
    measured = evenly(chosen, WITH_LOGITS)["utterance"]
    expected = {name: {"logits": logits_of(model, samples[name])} for name in measured}

    keys, tensors = translate(model, tokens, str(weights))
    facts = rows.facts_of(arguments.provenance, row) | {"row": vars(row), "exported_by": provenance.git_commit()}
    handed = Model(keys, tokens, False, utterances, facts, tensors, samples, expected)  # ESPnet never normalises
    handed.write(arguments.output)
    print(f"{row.label} of {row.names['task']} ({weights}), with {len(utterances)} utterances of dev")


if __name__ == "__main__":
    exit_on_error(main)
