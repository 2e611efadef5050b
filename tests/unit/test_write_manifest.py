"""A fairseq manifest: the root, then one line a file of audio."""

from pathlib import Path


def test_parts_in_the_order_given(tmp_path: Path, step) -> None:
    audio, manifest = tmp_path / "results" / "audio", tmp_path / "results" / "manifest" / "train.tsv"
    audio.mkdir(parents=True)
    parts = {"b": "b.zip:40:100\t28\nb.zip:180:100\t28\n", "empty": "", "a": "a.zip:40:80\t18\n"}
    for name, content in parts.items():
        (audio / f"{name}.tsv").write_text(content)
    words = ["--parts", *(audio / f"{name}.tsv" for name in parts), "--audio", audio, "--output", manifest]
    result = step("corpora.write_manifest", *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"3 files of audio in {manifest}\n"
    assert manifest.read_text() == "../audio\n" + parts["b"] + parts["a"]
    assert (manifest.parent / "../audio").resolve() == audio.resolve()
