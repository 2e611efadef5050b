"""The checkpoint at 0 updates: the model from which a run with this recipe and seed starts.

It is randomly initialised or, where the run goes on from a checkpoint that was given, has the weights of that.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from fairseq import tasks, utils
from fairseq.dataclass.initialize import add_defaults, hydra_init
from fairseq.dataclass.utils import omegaconf_no_object_check
from fairseq.trainer import Trainer
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from scripts.common import provenance, quiet, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import exit_on_error
from scripts.pretrain import beginning, checkpoints, identity
from scripts.pretrain.fairseq_command import Segment, overrides
from scripts.trainers.processes import Processes


def resolve(recipe: Path, overrides: list[str]) -> DictConfig:
    """The configuration that `fairseq-hydra-train --config-name recipe overrides...` would train with."""
    hydra_init(recipe.stem)
    with initialize_config_dir(config_dir=str(recipe.parent.resolve()), version_base="1.1"):
        config = compose(config_name=recipe.stem, overrides=overrides)
    add_defaults(config)
    with omegaconf_no_object_check():
        config = OmegaConf.create(OmegaConf.to_container(config, resolve=True, enum_to_str=True))
    OmegaConf.set_struct(config, True)
    return config


def initialise(recipe: Path, seed: int, start_from: Path | None, checkpoint: Path) -> list[str]:
    """Build and save the model in the order in which fairseq_cli/train.py does, so that the weights are the same.

    With `start_from` its weights are put in, and those returned that stay as they are as it lacks them.
    """
    nowhere = checkpoint.parent
    segment = Segment(recipe, nowhere, nowhere, 1, update_freq=1, precision="fp32", seed=seed, resume_from=None)
    config = resolve(recipe, overrides(segment, Processes(gpus=0, per_node=1)))
    utils.import_user_module(config.common)
    np.random.seed(seed)
    utils.set_torch_seed(seed)
    task = tasks.setup_task(config.task)
    model = task.build_model(config.model)
    fresh = beginning.put_in(model, config, start_from, recipe) if start_from else []
    trainer = Trainer(config, task, model, task.build_criterion(config.criterion))
    trainer.consolidate_optimizer()
    trainer.save_checkpoint(str(checkpoint), {"val_loss": None})
    return fresh


def start_of(checkpoint: Path) -> dict[str, str]:
    """What a run that goes on from a checkpoint is made from. Its bytes are compared with its sidecar."""
    return identity.beginning(sidecars.verified(checkpoint)["made_from"], code_digest(beginning.__name__))


def main() -> None:
    """Parse the command line and publish the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="fairseq configuration (YAML)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--start-from", type=Path, nargs="?", help="a checkpoint, its sidecar beside it; none: anew")
    parser.add_argument("--output", type=Path, required=True, help="after-0-updates.pt; a sidecar .json goes beside it")
    arguments = parser.parse_args()
    quiet.libraries()
    with tempfile.TemporaryDirectory(dir=arguments.output.parent, prefix=".initialise-") as directory:
        checkpoint = Path(directory).resolve() / "checkpoint.pt"
        start_from = start_of(arguments.start_from) if arguments.start_from else None
        fresh = initialise(arguments.recipe, arguments.seed, arguments.start_from, checkpoint)
        settings = (arguments.recipe, arguments.seed, code_digest(__spec__.name), start_from)
        above = (arguments.start_from,) if arguments.start_from else ()
        circumstances = provenance.circumstances("fairseq", "torch", "ve-fairseq")
        checkpoints.publish(checkpoint, arguments.output, identity.initialisation(*settings), above, **circumstances)
    if arguments.start_from:
        lacking = f"; randomly initialised with seed {arguments.seed}: {', '.join(fresh)}" if fresh else ""
        print(f"{arguments.output}: the weights of {arguments.start_from}{lacking}")
    else:
        print(f"{arguments.output}: randomly initialised with seed {arguments.seed}")


if __name__ == "__main__":
    exit_on_error(main)
