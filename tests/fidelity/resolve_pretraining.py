"""Print the configurations that calls of `fairseq-hydra-train` would train with, as JSON, on a machine with EIGHT GPUs.

python resolve_pretraining.py CALLS.json   which holds OUTPUT: [the arguments of fairseq-hydra-train], for each

It runs fairseq's own entry point (hydra, then fairseq's defaults, then its distributed set-up) and stops where training
would begin. A process of its own: fairseq reads the number of GPUs when it is imported, which takes seconds. Each call
has a fork of it, as hydra starts once.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path

import torch

EIGHT = 8


def main() -> None:
    torch.cuda.device_count = lambda: EIGHT

    from fairseq.distributed import utils
    from fairseq_cli import hydra_train
    from omegaconf import OmegaConf

    def write_instead_of_training(output: str, cfg, *args, **kwargs) -> None:
        utils.infer_init_method(cfg.distributed_training)
        resolved = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
        Path(output).write_text(json.dumps(resolved, default=str), encoding="utf-8")

    for output, words in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")).items():
        if os.fork() == 0:
            sys.argv[1:] = words
            utils.call_main = partial(write_instead_of_training, output)
            hydra_train.cli_main()
            return
        if os.wait()[1] != 0:
            sys.exit(f"{output}: cannot be resolved")


if __name__ == "__main__":
    main()
