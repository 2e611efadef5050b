"""What our layer changes so that ESPnet 202511 computes on this torch, and the same each time.

It is used as it is, but for what `install` mends before its modules are imported:

- g2p_en downloads an NLTK corpus when it is imported, although only English text-to-speech uses it;
- ci_sdr, which only speech enhancement uses, cannot be installed: pip 26.3 refuses packages whose metadata names URLs;
- torchaudio's compiled extensions need CUDA libraries, which a CPU torch does not bring; without the extensions
  torchaudio takes its documented pure-Python path;
- the wav2vec 2.0 encoder builds its padding mask over raw samples with a T x T intermediate, which for 15 s of
  speech takes over 100 GB;
- the encoder's checkpoint would be downloaded if it were not there: here it is an input and has to be there;
- fairseq's masks ignore the seed (scripts/trainers/masks.py);
- the square root in torch's Adam depends on the processor (scripts/trainers/square_root.py).

All that stands here decides fine-tunings and transcripts: a change has them made again. What only saves is in
espnet_upkeep.py.
"""

import importlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import torch

from scripts.trainers import masks, square_root


def install() -> None:
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
    wav2vec2.compute_mask_indices = masks.seeded(wav2vec2.compute_mask_indices)
    torch.Tensor.sqrt = square_root.exact(torch.Tensor.sqrt)


def padding_mask(lengths: torch.Tensor) -> torch.Tensor:
    """Where a batch is padding: lengths (B,) in samples -> bool (B, max(lengths)), true after each length."""
    return torch.arange(int(lengths.max()), device=lengths.device)[None] >= lengths[:, None]


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
