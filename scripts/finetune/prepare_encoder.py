"""Make the checkpoint that ESPnet starts from: verified, without optimizer state, masking as fine-tuning wants it.

ESPnet's wav2vec 2.0 encoder masks in training as the checkpoint's own pre-training configuration says; there is no
key for it in ESPnet's. Dropping the optimizer's state leaves a third of the size.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from scripts.common import files, provenance, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.finetune import identity


def model_configuration(state: dict[str, Any]) -> Any:
    """The part of a fairseq checkpoint that says how it masks: cfg["model"], or the flat args of older releases."""
    if state.get("cfg") is not None:
        return state["cfg"]["model"]
    if state.get("args") is not None:
        return vars(state["args"])
    raise StepError("the checkpoint holds neither cfg nor args: it is not one that fairseq has written")


def prepare(state: dict[str, Any], mask_prob: float | None) -> dict[str, Any]:
    """Drop the optimizer's state; set the share of masked frames unless `mask_prob` is None (the checkpoint's own)."""
    state.pop("last_optimizer_state", None)  # optimizer_history has to stay: fairseq refuses a checkpoint without
    if mask_prob is not None:
        model_configuration(state)["mask_prob"] = mask_prob
    return state


def main() -> None:
    """Parse the command line and write the prepared checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="with its sidecar .json beside it")
    parser.add_argument("--mask-prob", type=float, nargs="?", help="without a value: as in the checkpoint")
    parser.add_argument("--output", type=Path, required=True, help="encoder.pt; a sidecar .json goes beside it")
    arguments = parser.parse_args()

    checkpoint = sidecars.verified(arguments.checkpoint)
    state = torch.load(arguments.checkpoint, map_location="cpu", weights_only=False)
    with files.whole(arguments.output) as temporary, temporary.open("wb") as file:
        torch.save(prepare(state, arguments.mask_prob), file)  # a file object: torch writes a path's name into the file

    made_from = identity.encoding(checkpoint["sha256"], arguments.mask_prob, code_digest(__spec__.name))
    circumstances = provenance.circumstances("fairseq", "torch")
    sidecars.write(arguments.output, made_from, (arguments.checkpoint,), **circumstances)


if __name__ == "__main__":
    exit_on_error(main)
