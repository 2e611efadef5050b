"""Synthetic speakers for the demo's corpora: espeak-ng voices, varied, in a room, with noise.

espeak-ng is a formant synthesiser (https://github.com/espeak-ng/espeak-ng); the wheel espeakng-loader carries its
library and voices, so nothing is downloaded. Its speech is far simpler than a person's: models learn it in minutes,
and what they reach on it says nothing about real speech.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import espeakng_loader
import numpy as np
from numpy.typing import NDArray
from pypinyin import Style, lazy_pinyin
from scipy.signal import lfilter, resample_poly

from scripts.common.rates import SAMPLE_RATE

MANDARIN, ENGLISH = "cmn-latn-pinyin", "en"  # espeak-ng's names of languages; the first reads numbered pinyin

# Variants of a language's voice; the empty one is the plain voice. Those with breath (f2, f3, f5, whisper)
# are left out: espeak-ng draws the breath's noise differently in every run.
MALE = ["", *(f"+m{n}" for n in range(1, 8)), "+klatt", "+klatt2", "+klatt3", "+klatt4"]
FEMALE = ["+f1", "+f4", "+anika", "+aunty", "+belinda", "+linda"]
VARIANTS = MALE + FEMALE

# Constants of espeak-ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS, _POSITION_CHARACTER, _CHARS_UTF8 = 2, 1, 1
_RATE, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker."""

    variant: str
    pitch: int  # espeak-ng's scale, 0 to 100
    words_per_minute: int
    stretch: float  # resampling factor: above 1 speaks slower and lower, as a longer vocal tract does
    reverberation_seconds: float
    reverberation_gain: float  # energy of the room's tail, relative to the direct sound's amplitude

    @property
    def gender(self) -> str:
        """F or M, as AISHELL-1's speaker.info writes it."""
        return "F" if self.variant in FEMALE else "M"


def draw_voices(count: int, generator: np.random.Generator) -> list[Voice]:
    """`count` different speakers; every variant occurs once before any occurs again."""
    rounds = -(-count // len(VARIANTS))
    variants = [VARIANTS[index] for _ in range(rounds) for index in generator.permutation(len(VARIANTS))]
    return [
        Voice(
            variant=variant,
            pitch=int(generator.integers(25, 76)),
            words_per_minute=int(generator.integers(150, 221)),
            stretch=generator.uniform(0.88, 1.14),
            reverberation_seconds=generator.uniform(0.02, 0.12),
            reverberation_gain=generator.uniform(0.0, 0.4),
        )
        for variant in variants[:count]
    ]


class Synthesiser:
    """espeak-ng in this process. Its waveforms depend on all it has said before: use a new process for each speaker."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.int16]] = []
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0)
        self._callback = _CALLBACK(self._collect)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples, count: int, _events) -> int:
        if samples and count:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, language: str, voice: Voice, generator: np.random.Generator) -> NDArray[np.float64]:
        """`text` as the voice says it: 16 kHz mono, amplitudes within -1 and 1, silence at both ends cut."""
        if self._library.espeak_SetVoiceByName((language + voice.variant).encode()):
            raise RuntimeError(f"espeak-ng has no voice {language}{voice.variant}")
        self._library.espeak_SetParameter(_RATE, round(voice.words_per_minute * generator.uniform(0.93, 1.07)), 0)
        self._library.espeak_SetParameter(_PITCH, voice.pitch + int(generator.integers(-5, 6)), 0)
        self._chunks.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        speech = np.concatenate(self._chunks) / 32768
        up, down = 160, round(160 * self._rate / (SAMPLE_RATE * voice.stretch))
        return cut_silence(resample_poly(speech, up, down))


@cache
def synthesiser() -> Synthesiser:
    """This process's synthesiser (the library keeps its state in global variables)."""
    return Synthesiser()


def cut_silence(speech: NDArray[np.float64], threshold: float = 0.01, margin: int = SAMPLE_RATE // 20):
    """The part between the first and the last sample above the threshold, with `margin` samples on both sides."""
    loud = np.flatnonzero(np.abs(speech) > threshold)
    return speech[max(0, loud[0] - margin) : loud[-1] + margin]


def with_level(signal: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """The signal scaled to a root mean square of `level`."""
    return signal * level / np.sqrt(np.mean(signal**2) + 1e-12)


def in_room(speech: NDArray[np.float64], voice: Voice, generator: np.random.Generator) -> NDArray[np.float64]:
    """Convolved with an exponentially decaying noise tail, a common stand-in for a room's impulse response."""
    tail = generator.standard_normal(int(SAMPLE_RATE * voice.reverberation_seconds))
    tail *= np.exp(-6 * np.arange(len(tail)) / len(tail))
    response = with_level(tail, voice.reverberation_gain / np.sqrt(len(tail)))
    response[0] = 1.0
    return np.convolve(speech, response)[: len(speech)]


def coloured_noise(samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose spectrum falls more or less steeply towards high frequencies (a first-order recursion)."""
    return lfilter([1.0], [1.0, -generator.uniform(0.0, 0.9)], generator.standard_normal(samples))


def record(text: str, language: str, voice: Voice, generator: np.random.Generator) -> NDArray[np.int16]:
    """One utterance as a corpus would hold it: 16 kHz mono 16-bit, noise 15 to 30 dB below the speech."""
    speech = with_level(in_room(synthesiser().say(text, language, voice, generator), voice, generator), 1.0)
    noise = with_level(coloured_noise(len(speech), generator), 10 ** (-generator.uniform(15, 30) / 20))
    # A microphone that favours high frequencies: it evens out the slope of the synthesiser's spectrum.
    recorded = lfilter([1.0, -0.9], [1.0], speech + noise)
    loudness = 0.1 * 10 ** (generator.uniform(-4, 4) / 20)
    return (np.clip(with_level(recorded, loudness), -0.99, 0.99) * 32767).astype(np.int16)


def pinyin(transcript: str) -> str:
    """Numbered pinyin, syllables apart by spaces: 今天 -> jin1 tian1; the neutral tone is 5."""
    return " ".join(lazy_pinyin(transcript, style=Style.TONE3, neutral_tone_with_five=True))
