"""The checkpoint at 0 updates: the randomly initialised model from which a run with this recipe and seed starts."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from fairseq import tasks, utils
from fairseq.trainer import Trainer

from scripts.common import provenance, quiet
from scripts.common.errors import run
from scripts.pretrain import checkpoints
from scripts.pretrain.fairseq_command import Segment, overrides
from scripts.pretrain.recipe import resolve


def initialise(recipe: Path, seed: int, checkpoint: Path) -> None:
    """Build and save the model in the order in which fairseq_cli/train.py does, so that the weights are the same."""
    nowhere = checkpoint.parent
    segment = Segment(recipe, nowhere, nowhere, updates=1, update_freq=1, gpus=0, seed=seed, resume_from=None)
    config = resolve(recipe, overrides(segment))
    utils.import_user_module(config.common)
    np.random.seed(seed)
    utils.set_torch_seed(seed)
    task = tasks.setup_task(config.task)
    model = task.build_model(config.model)
    trainer = Trainer(config, task, model, task.build_criterion(config.criterion))
    trainer.consolidate_optimizer()
    trainer.save_checkpoint(str(checkpoint), {"val_loss": None})


def main() -> None:
    """Parse the command line and publish the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="fairseq configuration (YAML)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, help="after-0-updates.pt; a sidecar .json goes beside it")
    arguments = parser.parse_args()
    quiet.libraries()
    with tempfile.TemporaryDirectory(dir=arguments.output.parent, prefix=".initialise-") as directory:
        checkpoint = Path(directory).resolve() / "checkpoint.pt"
        initialise(arguments.recipe, arguments.seed, checkpoint)
        sidecar = {"made_from": {"updates": 0, "seed": arguments.seed}}
        sidecar |= provenance.circumstances("torch", "ve-fairseq")
        checkpoints.publish(checkpoint, arguments.output, sidecar)
    print(f"{arguments.output}: randomly initialised with seed {arguments.seed}")


if __name__ == "__main__":
    run(main)
