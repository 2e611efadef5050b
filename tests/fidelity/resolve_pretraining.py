"""Print the configuration that `fairseq-hydra-train` would train with, as JSON, on a machine with EIGHT GPUs.

python resolve_pretraining.py OUTPUT.json [the arguments of fairseq-hydra-train]

It runs fairseq's own entry point (hydra, then fairseq's defaults, then its distributed set-up) and stops where training
would begin. A process of its own: fairseq reads the number of GPUs when it is imported.
"""

import json
import sys
from pathlib import Path

import torch

EIGHT = 8


def main() -> None:
    output = Path(sys.argv.pop(1))
    torch.cuda.device_count = lambda: EIGHT

    from fairseq.distributed import utils
    from fairseq_cli import hydra_train
    from omegaconf import OmegaConf

    def write_instead_of_training(cfg, *args, **kwargs) -> None:
        utils.infer_init_method(cfg.distributed_training)
        resolved = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
        output.write_text(json.dumps(resolved, default=str), encoding="utf-8")

    utils.call_main = write_instead_of_training
    hydra_train.cli_main()


if __name__ == "__main__":
    main()
