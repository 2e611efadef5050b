"""Audio as both corpora distribute it: RIFF WAVE, 16 kHz, mono, 16-bit PCM."""

import wave
from pathlib import Path

from scripts.common.errors import StepError

SAMPLE_RATE = 16_000  # Hz; what wav2vec 2.0 base was designed for (Baevski et al., 2020)


class UnusableAudio(Exception):
    """Why a wav cannot be used, in a few words."""


def count_samples(path: Path) -> int:
    """Samples in a 16 kHz mono 16-bit wav, from its header (44 bytes or longer); its data is not read.

    Raises UnusableAudio for a file that is missing, empty, truncated or of another format.
    """
    try:
        with path.open("rb") as file, wave.open(file) as header:
            start_of_data = file.tell()
            rate, channels, width = header.getframerate(), header.getnchannels(), header.getsampwidth()
            samples = header.getnframes()
        size = path.stat().st_size
    except FileNotFoundError:
        raise UnusableAudio("missing") from None
    except OSError as error:
        raise UnusableAudio(f"unreadable: {error.strerror}") from None
    except (EOFError, wave.Error) as error:
        raise UnusableAudio(f"not a PCM wav file: {str(error) or 'the file is too short'}") from None
    if (rate, channels, width) != (SAMPLE_RATE, 1, 2):
        raise UnusableAudio(f"{rate} Hz, {channels} channel(s), {8 * width} bit instead of 16000 Hz, mono, 16 bit")
    if samples == 0:
        raise UnusableAudio("no samples")
    if size - start_of_data < samples * width:
        raise UnusableAudio(f"truncated: {(size - start_of_data) // width} of {samples} samples")
    return samples


def read_pcm(path: Path, expected_samples: int) -> bytes:
    """The samples of a wav as little-endian 16-bit PCM.

    Raises StepError where the file no longer is what utterances.tsv says.
    """
    try:
        count_samples(path)
        with wave.open(str(path)) as file:
            data = file.readframes(file.getnframes())
    except (UnusableAudio, OSError) as error:
        raise StepError(f"{path}: {error}; it was usable when the corpus was listed: restore it") from error
    if len(data) != 2 * expected_samples:
        raise StepError(f"{path} has {len(data) // 2} samples instead of {expected_samples}: list the corpus again")
    return data
