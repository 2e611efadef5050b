"""Unpacking AISHELL's archives, good, half done, damaged and hostile."""

import io
import tarfile
from pathlib import Path

import pytest

CONTENT = {"A": b"one", "B": b"other", "C": b"third"}


def archive(path: Path, members: dict[str, bytes], **links: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name in {str(Path(name).parent) for name in members}:
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)


@pytest.fixture(params=["train/S0002", "./train/S0002", "S0002"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A corpus with one archive; its speaker's folder is wav/train/S0002 (AISHELL-1) or wav/S0002 (AISHELL-2)."""
    archive(tmp_path / "wav/S0002.tar.gz", {f"{request.param}/{name}.wav": data for name, data in CONTENT.items()})
    return tmp_path


def unpacked(root: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in root.rglob("S0002/*.wav")}


def names(root: Path) -> set[str]:
    return {path.name for path in (root / "wav").iterdir()} - {"S0002.tar.gz", "train", "S0002"}


def test_a_speaker(root: Path, step) -> None:
    result = step("corpora.unpack", root)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "3 files unpacked from 1 archives; delete the archives when all is well\n"
    assert unpacked(root) == CONTENT and names(root) == set()
    inodes = {path.stat().st_ino for path in root.rglob("*.wav")}
    assert step("corpora.unpack", root).stdout.startswith("0 files unpacked")
    assert {path.stat().st_ino for path in root.rglob("*.wav")} == inodes


def test_what_was_there_in_part_is_completed(root: Path, step) -> None:
    step("corpora.unpack", root)
    folder = next(root.rglob("S0002/A.wav")).parent
    (folder / "A.wav").unlink()
    (folder / "B.wav").write_bytes(b"ot")  # tar was killed in the middle of it
    (root / "wav/.unpacking-S0002").mkdir()
    (root / "wav/.unpacking-S0002/left over").touch()
    result = step("corpora.unpack", root)
    assert result.stdout.startswith("2 files unpacked") and unpacked(root) == CONTENT and names(root) == set()


def test_a_damaged_archive_is_named_and_the_others_are_unpacked(root: Path, step) -> None:
    whole = (root / "wav/S0002.tar.gz").read_bytes()
    (root / "wav/S0001.tar.gz").write_bytes(whole[: len(whole) // 2])
    (root / "wav/S0003.tar.gz").write_bytes(b"not gzip")
    result = step("corpora.unpack", root)
    first, last = result.stderr.splitlines()[-1].split("; ")
    assert result.returncode == 1 and unpacked(root) == CONTENT
    assert first.startswith(f"error: {root}/wav/S0001.tar.gz: ") and last.startswith(f"{root}/wav/S0003.tar.gz: ")
    assert first.endswith("fetch it again") and last.endswith("fetch it again")


@pytest.mark.parametrize(
    ("members", "links"),
    [
        ({"../../evil.wav": b""}, {}),
        ({"/tmp/evil.wav": b""}, {}),
        ({"S0002/../../evil.wav": b""}, {}),
        ({"S0009/A.wav": b""}, {}),
        ({"train/S0002/more/A.wav": b""}, {}),
        ({"S0002/run.sh": b""}, {}),
        ({}, {"S0002/A.wav": "/etc/passwd"}),
    ],
)
def test_a_hostile_archive_is_refused_by_its_member(tmp_path: Path, step, members: dict, links: dict) -> None:
    archive(tmp_path / "root/wav/S0002.tar.gz", {"S0002/good.wav": b"good"} | members, **links)
    result = step("corpora.unpack", tmp_path / "root")
    name = next(iter({**members, **links}))
    assert result.returncode == 1
    assert f"it holds {name!r}, and should hold wavs of S0002 alone: nothing was taken from it" in result.stderr
    assert (
        not list(tmp_path.rglob("evil.wav"))
        and not list(tmp_path.rglob("good.wav"))
        and names(tmp_path / "root") == set()
    )


def test_a_root_without_archives(tmp_path: Path, step) -> None:
    result = step("corpora.unpack", tmp_path)
    assert result.stderr == f"error: {tmp_path}/wav holds no SPEAKER.tar.gz: is this the root of the corpus?\n"
