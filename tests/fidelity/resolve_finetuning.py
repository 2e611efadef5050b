"""Print the configuration that ESPnet's asr_train would train with, as JSON.

python resolve_finetuning.py OUTPUT.json [the arguments of asr_train]

A process of its own: scripts/finetune/espnet_numerics.py patches what ESPnet needs on this torch into the libraries.
"""

import json
import sys
from pathlib import Path

from scripts.finetune import espnet_layer, espnet_numerics


def main() -> None:
    espnet_layer.without_transformers()  # seconds of the start; neither has a part in the configuration
    espnet_layer.without_type_checks()
    espnet_numerics.install()
    from espnet2.tasks.asr import ASRTask

    parsed = vars(ASRTask.get_parser().parse_args(sys.argv[2:]))
    Path(sys.argv[1]).write_text(json.dumps(parsed, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
