"""Write a checkpoint of pre-training as stock transformers has it: Wav2Vec2Model, or with its heads, to go on training.

It is compared with what fairseq computed (parity.json) before the folder gets its name.
"""

import argparse
import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: as fairseq computed what is compared

import torch

from scripts.common import files, provenance, quiet
from scripts.common.errors import exit_on_error
from scripts.export import folders, handed_over, parity, stock
from scripts.export.card import card
from scripts.export.handed_over import Model, waveform


def export(what: str, handed: Model, folder: Path) -> dict[str, float]:
    """Fill a folder, and compare: the largest difference by output. Raises StepError where it is another model."""
    stock.save(stock.build(what, handed), handed, folder)
    model = stock.load(what, folder)
    found: dict[str, float] = {}
    for name, outputs in handed.expected.items():
        made = stock.outputs(what, model, torch.from_numpy(waveform(handed.samples[name]))[None])
        for output, array in outputs.items():
            difference = parity.largest_difference({output: array}, {output: made[output].numpy()})
            found[output] = max(found.get(output, 0.0), difference)
    for output, difference in found.items():
        parity.demand(f"transformers ({output})", difference)
    return found


def main() -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handed-over", type=Path, required=True, help="the folder of hand_over_encoder")
    parser.add_argument("--what", choices=["pretraining", "encoder"], required=True, help="with its heads, or without")
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    arguments = parser.parse_args()

    quiet.libraries()
    handed = handed_over.read(arguments.handed_over)
    with folders.whole(arguments.output) as folder:
        largest = export(arguments.what, handed, folder)
        versions = provenance.versions("torch", "transformers")
        said = {"signals": list(handed.samples), "allowed": parity.LARGEST, "versions": versions}
        figures = {"transformers": {"largest_difference": largest}} | said
        files.write_json(folder / "parity.json", figures)
        files.write_text(folder / "README.md", card(arguments.output.name, arguments.what, handed, figures))
    print(f"{arguments.output}: differs from fairseq by {max(largest.values()):.1e} at most")


if __name__ == "__main__":
    exit_on_error(main)
