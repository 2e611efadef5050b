"""Files that are there whole or not at all."""

import hashlib
import os
from pathlib import Path

import pytest

from scripts.common import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_whole_makes_folders_and_leaves_one_file(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "text.tsv"
    with files.whole(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == target.parent  # a rename is atomic within one file system only
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(target.parent) == ["text.tsv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", ["old", None])
def test_whole_leaves_the_old_file_where_the_block_fails(tmp_path: Path, error: type, old: str | None) -> None:
    target = tmp_path / "text.tsv"
    if old:
        target.write_text(old)
    with pytest.raises(error), files.whole(target) as temporary:
        temporary.write_text("half")
        raise error
    assert names(tmp_path) == (["text.tsv"] if old else [])
    assert not old or target.read_text() == old


def test_whole_does_not_write_through_what_a_killed_process_left(tmp_path: Path) -> None:
    """Numbers of processes recur in containers, and the leftover of `publish` is a hard link to its source."""
    precious, target = tmp_path / "precious.pt", tmp_path / "target.pt"
    precious.write_text("weights")
    os.link(precious, tmp_path / f".target.pt.{os.getpid()}.tmp")
    files.write_text(target, "new")
    assert (precious.read_text(), target.read_text()) == ("weights", "new")
    os.link(precious, tmp_path / f".target.pt.{os.getpid()}.tmp")
    files.publish(target, tmp_path / "target.pt")
    assert names(tmp_path) == ["precious.pt", "target.pt"]
    assert precious.read_text() == "weights"


def test_write_text_is_utf8_with_line_feeds(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "听\n")
    assert (tmp_path / "a").read_bytes() == "听\n".encode()
    with pytest.raises(UnicodeEncodeError):
        files.write_text(tmp_path / "a", "\udcff")
    assert (tmp_path / "a").read_bytes() == "听\n".encode()
    assert names(tmp_path) == ["a"]


def test_json_round_trip(tmp_path: Path) -> None:
    value = {"听": [1, 2.5, None], "b": "text"}
    files.write_json(tmp_path / "a.json", value)
    assert "听" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert files.read_json(tmp_path / "a.json") == value


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert files.sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "b").write_bytes(bytes(3_000_000))
    assert files.sha256(tmp_path / "b") == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_publish_replaces_the_name_and_not_the_old_file(tmp_path: Path) -> None:
    source, target, reader = tmp_path / "work" / "last.pt", tmp_path / "after.pt", tmp_path / "reader"
    source.parent.mkdir()
    source.write_text("new")
    target.write_text("old")
    os.link(target, reader)
    with target.open() as opened:
        files.publish(source, target)
        assert opened.read() == "old"
    assert (target.read_text(), reader.read_text()) == ("new", "old")
    assert target.stat().st_ino == source.stat().st_ino
    files.publish(source, target)  # once more is harmless, though both are the same file now
    assert names(tmp_path) == ["after.pt", "reader", "work"]


def test_a_published_file_outlives_its_source(tmp_path: Path) -> None:
    source, target = tmp_path / "last.pt", tmp_path / "after.pt"
    source.write_text("first")
    files.publish(source, target)
    files.write_text(source, "second")  # as trainers do that replace checkpoints by a rename
    assert target.read_text() == "first"


def test_publish_copies_where_links_are_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    source, target = tmp_path / "last.pt", tmp_path / "after.pt"
    source.write_text("weights")
    files.publish(source, target)
    assert target.read_text() == "weights"
    assert target.stat().st_ino != source.stat().st_ino


def test_publish_of_nothing_leaves_the_target(tmp_path: Path) -> None:
    (tmp_path / "after.pt").write_text("old")
    with pytest.raises(FileNotFoundError):
        files.publish(tmp_path / "none.pt", tmp_path / "after.pt")
    assert names(tmp_path) == ["after.pt"]


def test_what_a_kill_has_left_is_removed(tmp_path: Path) -> None:
    """Half files of `whole`, and of fairseq's torch_persistent_save (fairseq/checkpoint_utils.py)."""
    for name in (".checkpoint_last.pt.17.tmp", "checkpoint_1_4.pt.tmp", "checkpoint_1_4.pt"):
        (tmp_path / name).touch()
    files.remove_unfinished(tmp_path)
    assert names(tmp_path) == ["checkpoint_1_4.pt"]
    files.remove_unfinished(tmp_path / "not made yet")
