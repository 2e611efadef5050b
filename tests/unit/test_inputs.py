"""Which files are meant, in folders with everything."""

import os
from pathlib import Path

import pytest

from scripts.transcribe.inputs import inputs_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.wav", "a/b.WAV", "a/it's #1; 中文.flac", "notes.txt", ".hidden.wav", "a/c.mp3", "noend"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "a/round").symlink_to(tmp_path)
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    return tmp_path


def test_a_folder(folder: Path) -> None:
    assert [str(one.name) for one in inputs_of([folder])] == ["b", "a/b", "a/c", "a/it's #1; 中文"]


def test_files_of_any_name_that_are_named(folder: Path) -> None:
    named = [folder / "notes.txt", folder / "missing.wav", Path("-"), folder / "notes.txt"]
    assert [(one.path, str(one.name)) for one in inputs_of(named)] == [
        (folder / "notes.txt", "notes"),
        (folder / "missing.wav", "missing"),
        (Path("-"), "pipe"),
    ]


def names(*paths: Path) -> list[str]:
    return [str(one.name) for one in inputs_of(paths)]


def test_two_of_one_name_keep_their_endings_or_folders(folder: Path) -> None:
    (folder / "a/c.flac").touch()
    assert names(folder / "a") == ["b", "c.flac", "c.mp3", "it's #1; 中文"]
    for name in ("one/x.wav", "two/x.wav", "two/y.wav", "deep/two/x.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert names(folder / "one", folder / "two") == ["one/x.wav", "two/x.wav", "y"]
    assert names(folder / "one/x.wav", folder / "two") == ["one/x.wav", "two/x.wav", "y"]
    absolute = [str(folder.relative_to("/") / name) for name in ("two/x.wav", "deep/two/x.wav")]
    assert names(folder / "two/x.wav", folder / "deep/two/x.wav") == absolute


def test_what_is_named_twice_is_heard_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(Path("b.wav"), folder / "b.wav", Path(".")) == ["b", "a/b", "a/c", "a/it's #1; 中文"]
    assert names(Path("-"), Path("-")) == ["pipe"]


def test_nothing_that_is_hidden(folder: Path) -> None:
    (folder / ".venv").mkdir()
    (folder / ".venv/test.wav").touch()
    assert "test" not in names(folder)


@pytest.mark.parametrize("there", [True, False])
def test_video_where_ffmpeg_is(there: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "film.mkv").touch()
    programs = folder / "bin"
    programs.mkdir()
    if there:
        (programs / "ffmpeg").write_text("#!/bin/sh\n")
        (programs / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert ("film" in {str(one.name) for one in inputs_of([folder])}) is there
