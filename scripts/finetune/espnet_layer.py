"""Run one of ESPnet's programs as the workflow needs it: python -m scripts.finetune.espnet_layer asr_train ..."""

import importlib
import sys

from scripts.finetune import espnet_numerics, espnet_upkeep


def main() -> None:
    """Hand the words after the program's name to that program of espnet2.bin."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    espnet_numerics.install()
    espnet_upkeep.install()
    importlib.import_module(f"espnet2.bin.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
