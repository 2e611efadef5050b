"""Audio that ESPnet cannot read, or no longer finds as long as it was, is named."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
soundfile = pytest.importorskip("soundfile")

from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune import espnet_upkeep  # noqa: E402


class Reader:
    """What ESPnet's SoundScpReader has: the list's path, the wavs by utterance, and how one is read."""

    def __init__(self, folder: Path) -> None:
        self.fname, self.data = str(folder / "wav.scp"), {"U1": str(folder / "1.wav")}
        soundfile.write(folder / "1.wav", np.zeros(1600), 16000, subtype="PCM_16")
        (folder / "speech_shape").write_text("U1 1600\n")
        espnet_upkeep._samples.cache_clear()

    @espnet_upkeep.naming_damage
    def __getitem__(self, utterance: str) -> tuple[int, np.ndarray]:
        samples, rate = soundfile.read(self.data[utterance])
        return rate, samples


def test_what_was_prepared_is_read(tmp_path: Path) -> None:
    rate, samples = Reader(tmp_path)["U1"]
    assert (rate, len(samples)) == (16000, 1600)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "cannot be read: .*"), (b"\0" * 3000, "cannot be read: .*"), (None, "cannot be read: .*")],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    reader = Reader(tmp_path)
    wav = tmp_path / "1.wav"
    wav.unlink() if content is None else wav.write_bytes(content)
    with pytest.raises(StepError, match=rf"^{wav} of utterance U1 {said}: restore it and start again$"):
        reader["U1"]


def test_what_was_cut_off(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    soundfile.write(tmp_path / "1.wav", np.zeros(1000), 16000, subtype="PCM_16")
    with pytest.raises(StepError, match=r"of utterance U1 has 1000 samples instead of 1600: restore it"):
        reader["U1"]
