"""Write a recogniser in the formats that others read: stock transformers, ONNX in 32 and 8 bits, sherpa-onnx's tokens.

All are compared with what ESPnet heard (parity.json) before the folder gets its name.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: as ESPnet computed what is compared

import numpy as np
import torch

from scripts.common import files, provenance, quiet
from scripts.common.errors import exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.export import folders, handed_over, onnx_models, parity, stock
from scripts.export.card import card
from scripts.export.handed_over import Model, waveform
from scripts.export.onnx_models import Session

Figures = dict[str, Any]


def of_transformers(handed: Model, folder: Path) -> dict[str, object]:
    """Compare what lies in the folder, as a user loads it."""
    model = stock.load("recogniser", folder)
    processor = stock.processor(folder)

    def logits(samples: np.ndarray) -> torch.Tensor:
        values = processor(samples, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_values
        return stock.outputs("recogniser", model, values)["logits"]

    def text(samples: np.ndarray) -> str:
        return processor.decode(logits(samples).argmax(-1))

    differences = [
        parity.largest_difference(outputs, {"logits": logits(waveform(handed.samples[name])).numpy()})
        for name, outputs in handed.expected.items()
    ]
    found = {"largest_difference": max(differences)} | parity.report(handed, parity.hear(handed, text))
    normalised = parity.hear(handed, lambda samples: text((samples - samples.mean()) / (samples.std() + 1e-7)))
    return found | {"differing_texts_if_normalised": parity.report(handed, normalised)["differing_texts"]}


def of_onnx(handed: Model, model: Path) -> dict[str, object]:
    """Compare an ONNX model, in onnxruntime on one core."""
    session = Session(model)
    expected = {
        name: torch.from_numpy(outputs["logits"]).log_softmax(-1).numpy() for name, outputs in handed.expected.items()
    }
    differences = [
        parity.largest_difference({"": numbers}, {"": session(waveform(handed.samples[name])[None])[0]})
        for name, numbers in expected.items()
    ]
    heard = parity.hear(handed, lambda samples: onnx_models.best_path(session(samples[None])[0], handed.tokens))
    found = {"largest_difference": max(differences), "allowed": parity.allowed(expected.values())}
    return found | parity.report(handed, heard)


def export(handed: Model, folder: Path) -> Figures:
    """Fill a folder, and compare. Raises StepError where transformers or ONNX in 32 bits is another than ESPnet."""
    model = stock.build("recogniser", handed)
    stock.save(model, handed, folder)
    found: Figures = {"transformers": of_transformers(handed, folder)}
    demand("transformers", found)
    onnx_models.export(model, folder / "model.onnx")
    found["onnx"] = of_onnx(handed, folder / "model.onnx")
    demand("onnx", found)
    onnx_models.quantise(folder / "model.onnx", folder / "model.int8.onnx")
    found["onnx_int8"] = of_onnx(handed, folder / "model.int8.onnx")
    onnx_models.write_tokens(handed.tokens, folder / "tokens.txt")
    return found


def demand(name: str, found: Figures) -> None:
    """Of what is to be the same model. 8 bits are another one, of which the figures say how much it loses."""
    figures = found[name]
    largest = figures.get("allowed", parity.LARGEST)
    parity.demand(name, figures["largest_difference"], figures["differing_texts"], largest)


def publish(handed: Model, output: Path) -> Figures:
    """Make the folder, with its figures and its model card, or raise StepError and make none."""
    with folders.whole(output) as folder:
        figures = export(handed, folder)
        figures |= {"utterances": [utterance.name for utterance in handed.utterances], "allowed": parity.LARGEST}
        figures |= {"versions": provenance.versions("torch", "transformers", "onnxruntime")}
        files.write_json(folder / "parity.json", figures)
        files.write_text(folder / "README.md", card(output.name, "recogniser", handed, figures))
    return figures


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handed-over", type=Path, required=True, help="the folder of hand_over_recogniser")
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    arguments = parser.parse_args()

    quiet.libraries()
    handed = handed_over.read(arguments.handed_over)
    figures = publish(handed, arguments.output)
    differing = [f"{name} {len(figures[name]['differing_texts'])}" for name in ("transformers", "onnx", "onnx_int8")]
    print(f"{arguments.output}: of {len(handed.utterances)} texts are another than ESPnet's: {', '.join(differing)}")


if __name__ == "__main__":
    exit_on_error(main)
