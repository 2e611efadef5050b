"""Packed audio that is damaged is named, and what is not is read as it is."""

import os
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("pandas", reason="pandas is not installed")

from scripts.common.errors import StepError
from scripts.corpora.concatenate import pack
from scripts.pretrain import packed

WAVS = [(f"U{number}..U{number + 1}.wav", bytes([number]) * (1000 + number)) for number in range(4)]


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Path, list[tuple[int, int]]]:
    """An archive, and where each of its wavs lies."""
    packed._directory.cache_clear()
    path = tmp_path / "train-0003.zip"
    return path, [(offset, length) for offset, length, _ in pack(path, iter(WAVS))]


def test_what_was_packed_is_read(archive: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = archive
    assert [packed.read(str(path), *place) for place in places] == [data for _, data in WAVS]


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_flipped_bit_is_named_with_the_utterance(archive: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = archive
    offset, length = places[2]
    overwrite(path, offset + 500, b"\3")
    for number in (0, 1, 3):
        assert packed.read(str(path), *places[number]) == WAVS[number][1]
    with pytest.raises(StepError) as caught:
        packed.read(str(path), offset, length)
    assert str(caught.value) == (
        f"{path} is damaged: U2..U3.wav (bytes {offset} to {offset + length}) is not what was packed: "
        "delete it and train-0003.tsv beside it, and start again: it is packed anew"
    )


def test_a_bad_sector(archive: tuple[Path, list[tuple[int, int]]], monkeypatch: pytest.MonkeyPatch) -> None:
    path, places = archive

    def fails(*_: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fails)
    with pytest.raises(StepError, match=r"is damaged: bytes \d+ to \d+ cannot be read: Input/output error: delete it"):
        packed.read(str(path), *places[1])


def test_an_archive_without_its_end(archive: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = archive
    os.truncate(path, path.stat().st_size - 30)
    with pytest.raises(StepError, match="is damaged: the archive's directory has no bytes"):
        packed.read(str(path), *places[1])


def test_another_archive_whose_directory_says_more(tmp_path: Path) -> None:
    """What lies behind the last entry's end is not there."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("one.wav", b"RIFF")
    with pytest.raises(StepError, match=r"one\.wav \(bytes 37 to 1037\) is not what was packed"):
        packed.read(str(tmp_path / "a.zip"), 37, 1000)
