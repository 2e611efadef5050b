"""Average the weights of the last epochs.

ESPnet's own average is not used: it sums integer buffers (ten states of a counter come out tenfold) and, asked for
several averages, changes the first state it loaded in place.
"""

import argparse
import re
from pathlib import Path

import torch

from scripts.common import files, provenance, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.finetune import identity


def last_epochs(directory: Path, count: int) -> list[Path]:
    """The `count` highest numbered Nepoch.pth of a directory, in order."""
    numbered = {int(m[1]): path for path in directory.iterdir() if (m := re.fullmatch(r"(\d+)epoch\.pth", path.name))}
    if len(numbered) < count:
        raise StepError(f"{directory} holds {len(numbered)} epochs, average_last asks for {count}: lower it")
    return [numbered[epoch] for epoch in sorted(numbered)[-count:]]


def published_epochs(directory: Path) -> dict[str, str]:
    """sha256 of every epoch's weights by file name, as fine-tuning has written it down."""
    sidecar = sidecars.path_of(directory)
    if not sidecar.exists():
        raise StepError(f"{sidecar} is missing: fine-tune again")
    return files.read_json(sidecar)["epochs"]


def check(paths: list[Path], epochs: dict[str, str]) -> None:
    """Raise StepError for an epoch that is not the one that was published. `epochs`: sha256 by file name."""
    for path in paths:
        if files.sha256(path) != epochs.get(path.name):
            raise StepError(f"{path} is not the file that epochs.json describes (sha256): fine-tune again")


def average(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Mean of floating-point tensors, summed in float64; of integer ones (counters) the last state's value.

    The states given are not changed. Raises StepError where their names or shapes differ.
    """
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise StepError("the epochs hold different parameters: they are not of one model")
    return {name: _mean([state[name] for state in states]) for name in states[0]}


def _mean(tensors: list[torch.Tensor]) -> torch.Tensor:
    if not tensors[0].is_floating_point():
        return tensors[-1].clone()
    total = torch.zeros_like(tensors[0], dtype=torch.float64)
    for tensor in tensors:
        total += tensor
    return (total / len(tensors)).to(tensors[0].dtype)


def main() -> None:
    """Parse the command line and write the average, beside it what else ESPnet needs to load it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=Path, required=True, help="folder of Nepoch.pth, with its sidecar beside it")
    parser.add_argument("--last", type=int, required=True, help="how many epochs, counted from the end")
    parser.add_argument("--output", type=Path, required=True, help="a sidecar .json and ESPnet's .yaml go beside it")
    arguments = parser.parse_args()
    paths = last_epochs(arguments.epochs, arguments.last)
    epochs = published_epochs(arguments.epochs)
    check(paths, epochs)
    states = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
    with files.whole(arguments.output) as temporary, temporary.open("wb") as file:
        torch.save(average(states), file)
    made_from = identity.averaging(epochs, arguments.last, code_digest(__spec__.name))
    files.publish(arguments.epochs / "config.yaml", arguments.output.with_suffix(".yaml"))
    sidecars.write(arguments.output, made_from, (arguments.epochs,), **provenance.circumstances("espnet", "torch"))
    print(f"average of {', '.join(path.stem for path in paths)}")


if __name__ == "__main__":
    exit_on_error(main)
