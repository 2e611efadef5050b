"""Which files a corpus consists of: wavs that come and go are seen, new dates and what is in a wav are not."""

import os
from pathlib import Path

import pytest

from scripts.common import files
from scripts.corpora.contents import folders_of, lists_of, wavs_of


@pytest.fixture(params=["aishell1", "aishell2"])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, Path]:
    """(root, format, a folder of wavs)"""
    folder = tmp_path / ("wav/train/S1" if request.param == "aishell1" else "wav/C1")
    for name in ("b.wav", "a.wav", "notes.txt"):
        files.write_text(folder / name, name)
    return tmp_path, request.param, folder


def wavs(root: Path, layout: str) -> str:
    return wavs_of(folders_of(root, layout, known={}))


def test_wavs_that_come_and_go_are_seen(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = wavs(root, layout)
    (folder / "c.wav").touch()
    more = wavs(root, layout)
    (folder / "a.wav").unlink()
    assert len({before, more, wavs(root, layout)}) == 3
    (folder / "c.wav").rename(folder / "a.wav")
    assert wavs(root, layout) == before


def test_a_new_speaker_is_seen(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = wavs(root, layout)
    files.write_text(folder.with_name("S9") / "z.wav", "")
    assert wavs(root, layout) != before


def test_dates_other_files_and_what_is_in_a_wav_are_not(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = wavs(root, layout)
    (folder / "a.wav").write_text("other samples")
    (folder / "more notes.txt").touch()
    for path in root.rglob("*"):
        path.touch()
    assert wavs(root, layout) == before


def test_only_folders_with_another_date_are_read(corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    root, layout, folder = corpus
    files.write_text(folder.with_name("S2") / "z.wav", "")
    known = folders_of(root, layout, known={})
    read = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: read.append(Path(path).name) or listdir(path))
    assert folders_of(root, layout, known) == known and read == []
    (folder / "c.wav").touch()
    assert wavs_of(folders_of(root, layout, known)) != wavs_of(known)
    assert read == [folder.name]


def test_names_that_are_not_utf8(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = wavs(root, layout)
    (folder / os.fsdecode(b"\xff.wav")).touch()
    assert wavs(root, layout) != before


def test_lists_by_their_bytes(tmp_path: Path) -> None:
    files.write_text(tmp_path / "wav.scp", "A\twav/a.wav\n")
    assert lists_of(tmp_path, "aishell2") == {"wav.scp": files.sha256(tmp_path / "wav.scp")}
    files.write_text(tmp_path / "trans.txt", "A\t好\n")
    assert lists_of(tmp_path, "aishell2").keys() == {"wav.scp", "trans.txt"}
