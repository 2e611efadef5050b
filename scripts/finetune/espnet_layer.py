"""Run one of ESPnet's programs as the workflow needs it: python -m scripts.finetune.espnet_layer asr_train ..."""

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from typing import NoReturn

from scripts.finetune import espnet_numerics, espnet_upkeep


class NoEngine:
    """What ESPnet makes of inflect as it is imported: the real one takes 2.4 s, a fifth of all that is imported."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"inflect's {name} spells English numbers for a cleaner of ESPnet's, which we do not load")


def without_inflect() -> None:
    """Let only ESPnet's cleaners of English text do without it. Our texts are normalised before ESPnet sees them."""
    module = importlib.util.module_from_spec(ModuleSpec("inflect", None))
    module.engine = NoEngine
    sys.modules.setdefault("inflect", module)


def without_transformers() -> None:
    """Let ESPnet's models of transformers do without it: where it is installed, importing it takes 4 s more."""
    sys.modules.setdefault("transformers", None)


def without_type_checks() -> None:
    """Leave ESPnet's functions as they are written: to have their arguments' types checked, each of 400 parses its
    whole file anew as it is imported, which takes half of a start.
    """
    typeguard = importlib.import_module("typeguard")
    typeguard.typechecked = lambda function=None, **_: function or (lambda decorated: decorated)


def main() -> None:
    """Hand the words after the program's name to that program of espnet2.bin."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    without_inflect()
    without_transformers()
    without_type_checks()
    espnet_numerics.install()
    espnet_upkeep.install()
    importlib.import_module(f"espnet2.bin.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
