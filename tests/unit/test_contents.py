"""Which files a corpus consists of: audio that comes, goes or gets another size is seen, new dates are not."""

import os
from pathlib import Path

import pytest

from scripts.common import files
from scripts.corpora.contents import audio_of, lists_of


@pytest.fixture(params=["aishell1", "aishell2"])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, Path]:
    """(root, format, a folder of wavs)"""
    folder = tmp_path / ("wav/train/S1" if request.param == "aishell1" else "wav/C1")
    for name in ("b.wav", "a.wav", "notes.txt"):
        files.write_text(folder / name, name)
    return tmp_path, request.param, folder


def test_wavs_that_come_and_go_are_seen(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = audio_of(root, layout)
    (folder / "c.wav").write_text("c.wav")
    more = audio_of(root, layout)
    (folder / "a.wav").unlink()
    assert len({before, more, audio_of(root, layout)}) == 3
    (folder / "c.wav").rename(folder / "a.wav")
    assert audio_of(root, layout) == before


def test_a_new_speaker_is_seen(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = audio_of(root, layout)
    files.write_text(folder.with_name("S9") / "z.wav", "")
    assert audio_of(root, layout) != before


def test_another_size_is_seen_and_other_files_and_dates_are_not(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = audio_of(root, layout)
    (folder / "more notes.txt").touch()
    (folder / "a.wav").write_text("WAV.a")  # as long as before
    for path in root.rglob("*"):
        path.touch()
    assert audio_of(root, layout) == before
    date = folder.stat().st_mtime_ns
    with (folder / "a.wav").open("a") as file:
        file.write("!")
    os.utime(folder, ns=(date, date))
    assert audio_of(root, layout) != before


def test_links_are_followed_and_a_link_to_nothing_is_a_file(corpus: tuple[Path, str, Path], tmp_path: Path) -> None:
    root, layout, folder = corpus
    before = audio_of(root, layout)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert audio_of(root, layout) == before
    (tmp_path / "elsewhere" / "a.wav").rename(tmp_path / "a.wav")
    (tmp_path / "elsewhere" / "a.wav").symlink_to(tmp_path / "a.wav")
    assert audio_of(root, layout) == before
    (tmp_path / "a.wav").unlink()
    assert audio_of(root, layout) != before


def test_names_that_are_not_utf8(corpus: tuple[Path, str, Path]) -> None:
    root, layout, folder = corpus
    before = audio_of(root, layout)
    (folder / os.fsdecode(b"\xff.wav")).touch()
    assert audio_of(root, layout) != before


def test_lists_by_their_bytes(tmp_path: Path) -> None:
    files.write_text(tmp_path / "wav.scp", "A\twav/a.wav\n")
    assert lists_of(tmp_path, "aishell2") == {"wav.scp": files.sha256(tmp_path / "wav.scp")}
    files.write_text(tmp_path / "trans.txt", "A\t好\n")
    assert lists_of(tmp_path, "aishell2").keys() == {"wav.scp", "trans.txt"}


def test_of_a_kaldi_directory_the_files_that_it_lists(tmp_path: Path) -> None:
    files.write_text(tmp_path / "train" / "wav.scp", f"A {tmp_path}/a.flac\nB b.flac\nC sox x.wav - |\nD gone.flac\n")
    for name in ("a.flac", "b.flac", "not listed.flac"):
        files.write_text(tmp_path / name, name)
    before = audio_of(tmp_path, "kaldi")
    (tmp_path / "not listed.flac").unlink()
    assert audio_of(tmp_path, "kaldi") == before
    (tmp_path / "b.flac").write_text("longer than before")
    assert audio_of(tmp_path, "kaldi") != before
