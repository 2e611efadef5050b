"""A fairseq manifest: the root, then one line a file of audio; and what is heard in it, however it is packed."""

from pathlib import Path

import pytest

from scripts.common import files

HELD = {"U0..U1.wav": "28", "U2..U3.wav": "28", "U4..U4.wav": "18"}


def write_part(audio: Path, name: str, *titles: str, packed: str = "so") -> Path:
    """The lines of an archive; of each file the sha256 is said to be the title's first two characters."""
    lines = [f"{name}.zip:{40 + 140 * n}:100\t{HELD[title]}\t{title}\t{title[:2]}\n" for n, title in enumerate(titles)]
    files.write_text(audio / f"{name}.tsv", "".join(lines))
    files.write_json(audio / f"{name}.json", {"made_from": {"packed": packed}})
    return audio / f"{name}.tsv"


def write_manifest(step, parts: list[Path], manifest: Path):
    return step("corpora.write_manifest", "--parts", *parts, "--output", manifest)


def test_parts_in_the_order_given(tmp_path: Path, step) -> None:
    audio, manifest = tmp_path / "results" / "audio", tmp_path / "results" / "manifest" / "train.tsv"
    content = {"b": ["U0..U1.wav", "U2..U3.wav"], "empty": [], "a": ["U4..U4.wav"]}
    parts = [write_part(audio, name, *titles) for name, titles in content.items()]
    result = write_manifest(step, parts, manifest)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"3 files of audio in {manifest}\n"
    assert manifest.read_text() == "../audio\nb.zip:40:100\t28\nb.zip:180:100\t28\na.zip:40:100\t18\n"
    assert (manifest.parent / "../audio").resolve() == audio.resolve()
    card = files.read_json(manifest.with_suffix(".json"))
    assert card["sha256"] == files.sha256(manifest)
    assert card["made_from"]["archives"] == {part.stem: files.sha256(part) for part in parts}


def test_what_is_heard_does_not_depend_on_archives(tmp_path: Path, step) -> None:
    titles = list(HELD)

    def digest(name: str, *groups: list[str]) -> str:
        parts = [write_part(tmp_path / name, f"train-{n:04d}", *group) for n, group in enumerate(groups)]
        assert write_manifest(step, parts, tmp_path / name / "m.tsv").returncode == 0
        return files.read_json(tmp_path / name / "m.json")["digest"]

    one = digest("one", titles)
    assert digest("two", titles[:1], titles[1:]) == digest("three", [titles[0]], [], titles[1:]) == one
    assert digest("another order", titles[::-1]) != one
    assert digest("fewer", titles[:2]) != one


@pytest.mark.parametrize("other", ["otherwise"])
def test_parts_of_two_packings_are_refused(tmp_path: Path, step, other: str) -> None:
    parts = [write_part(tmp_path, "train-0000", "U0..U1.wav"), write_part(tmp_path, "train-0001", packed=other)]
    result = write_manifest(step, parts, tmp_path / "m.tsv")
    assert (result.returncode, result.stderr) == (
        1,
        f"error: {parts[1]} was packed otherwise than {parts[0]}: delete both, and start again\n",
    )
    assert not (tmp_path / "m.tsv").exists()
