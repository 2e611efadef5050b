"""Run one of ESPnet's programs with what it needs on this torch: python -m scripts.finetune.espnet_layer asr_train ...

ESPnet 202511 is used as it is; `prepare` mends eight things before its modules are imported:

- g2p_en downloads an NLTK corpus when it is imported, although only English text-to-speech uses it;
- ci_sdr, which only speech enhancement uses, cannot be installed: pip 26.3 refuses packages whose metadata names URLs;
- torchaudio's compiled extensions need CUDA libraries, which a CPU torch does not bring; without the extensions
  torchaudio takes its documented pure-Python path;
- the wav2vec 2.0 encoder builds its padding mask over raw samples with a T x T intermediate, which for 15 s of
  speech takes over 100 GB;
- the encoder's checkpoint would be downloaded if it were not there: here it is an input and has to be there;
- fairseq's masks ignore the seed (scripts/common/masks.py);
- the square root in torch's Adam depends on the processor (scripts/common/square_root.py);
- checkpoint.pth is written in place, so that a kill at the wrong moment leaves nothing to resume from.

ESPnet's own averaging of epochs is switched off: it sums integer buffers and, asked for several averages, changes the
first state it loaded in place. scripts/finetune/average_weights.py averages instead.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import torch

from scripts.common import masks, square_root, workers


def prepare() -> None:
    """Make `espnet2` importable and its wav2vec 2.0 encoder usable. Call it before the first import of espnet2."""
    os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # fairseq checkpoints hold more than tensors
    for unused in ("g2p_en", "ci_sdr"):
        sys.modules.setdefault(unused, importlib.util.module_from_spec(ModuleSpec(unused, None)))
    if torch.version.cuda is None:
        _hide_torchaudio_extensions()
    encoder = importlib.import_module("espnet2.asr.encoder.wav2vec2_encoder")
    encoder.make_pad_mask = padding_mask
    encoder.download_w2v = lambda url, directory: str(Path(directory) / url)
    wav2vec2 = importlib.import_module("fairseq.models.wav2vec.wav2vec2")
    wav2vec2.compute_mask_indices = masks.seeded(wav2vec2.compute_mask_indices, _rank)
    trainer = importlib.import_module("espnet2.train.trainer")
    trainer.average_nbest_models = lambda *args, **kwargs: None
    torch.save = _whole(torch.save)
    torch.Tensor.sqrt = square_root.exact(torch.Tensor.sqrt)


def _rank() -> int:
    """This process's number among those that train together."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def padding_mask(lengths: torch.Tensor) -> torch.Tensor:
    """Where a batch is padding: lengths (B,) in samples -> bool (B, max(lengths)), true after each length."""
    return torch.arange(int(lengths.max()), device=lengths.device)[None] >= lengths[:, None]


def _whole(save: Callable[..., None]) -> Callable[..., None]:
    """torch.save that leaves a file under its name whole or not at all."""

    def save_whole(value: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(file, str | os.PathLike):
            return save(value, file, *args, **kwargs)
        temporary = f"{os.fspath(file)}.tmp"
        with open(temporary, "wb") as opened:
            save(value, opened, *args, **kwargs)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)

    return save_whole


def _hide_torchaudio_extensions() -> None:
    """Import torchaudio's loader of extensions ahead of torchaudio and point it at a folder that has none."""
    package = importlib.util.find_spec("torchaudio")
    if package is None or package.origin is None or "torchaudio" in sys.modules:
        return
    name = "torchaudio._extension.utils"
    spec = importlib.util.spec_from_file_location(name, Path(package.origin).parent / "_extension" / "utils.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    loader._LIB_DIR = Path(package.origin).parent / "no-extensions-without-cuda"
    sys.modules[name] = loader


def main() -> None:
    """Hand the words after the program's name to that program of espnet2.bin."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    prepare()
    workers.kill_at_exit()
    importlib.import_module(f"espnet2.bin.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
