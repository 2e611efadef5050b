"""A checkpoint from elsewhere is accepted by its sha256 or not at all."""

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

CONTENT = b"weights" * 1_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "wav2vec small.pt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def server(source: Path) -> Iterator[str]:
    """The URL of a server of the source's folder, on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(source.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def provide(step, folder: Path, *words: object):
    output = folder / "results" / "given.pt"
    result = step("pretrain.provide_checkpoint", *words, "--key", "checkpoints.english", "--output", output)
    made = sorted(path.name for path in output.parent.iterdir()) if output.parent.exists() else []
    return result, made


def refused(result, made: list[str]) -> str:
    """The one sentence of a step that left nothing behind."""
    assert (result.returncode, made) == (1, [])
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("way", ["path", "file", "http", "path before url"])
@pytest.mark.parametrize("digest", [SHA256, SHA256.upper()])
def test_ways_to_bring_it(tmp_path: Path, step, source: Path, server: str, way: str, digest: str) -> None:
    words = {
        "path": ["--path", source],  # the rule leaves out a key that is null
        "file": ["--url", source.as_uri()],
        "http": ["--url", f"{server}/wav2vec%20small.pt"],
        "path before url": ["--path", source, "--url", f"{server}/none"],
    }[way]
    result, made = provide(step, tmp_path, *words, "--sha256", digest)
    assert (result.returncode, result.stderr, made) == (0, "", ["given.json", "given.pt"])
    assert (tmp_path / "results" / "given.pt").read_bytes() == CONTENT
    facts = json.loads((tmp_path / "results" / "given.json").read_text())
    said = str(words[1]) if way.startswith("path") else words[-1]
    assert (facts["updates"], facts["sha256"], facts["source"]) == (None, SHA256, said)
    assert facts["made_from"] == {"sha256": SHA256}


def test_without_sha256_it_says_what_it_found_and_which_key_to_set(tmp_path: Path, step, source: Path) -> None:
    assert refused(*provide(step, tmp_path, "--path", source)) == (
        f"{source} has sha256 {SHA256}: if you trust it, set checkpoints.english.sha256 to it in the config"
    )


def test_another_sha256(tmp_path: Path, step, source: Path) -> None:
    message = refused(*provide(step, tmp_path, "--url", source.as_uri(), "--sha256", "0" * 64))
    assert message == (
        f"{source.as_uri()} has sha256 {SHA256}, but checkpoints.english.sha256 says {'0' * 64}: do not use it"
    )


@pytest.mark.parametrize("wrong", ["path", "file", "http", "host", "no url", "spaces"])
def test_what_is_not_there(tmp_path: Path, step, source: Path, server: str, wrong: str) -> None:
    words = {
        "path": ["--path", tmp_path / "none.pt"],
        "file": ["--url", (tmp_path / "none.pt").as_uri()],
        "http": ["--url", f"{server}/none.pt"],
        "host": ["--url", "http://127.0.0.1:1/none.pt"],  # nobody listens there
        "no url": ["--url", "none.pt"],
        "spaces": ["--url", f"{server}/wav2vec small.pt"],
    }[wrong]
    message = refused(*provide(step, tmp_path, *words, "--sha256", SHA256))
    assert message.startswith(f"cannot read {words[1]}: ")
    assert message.endswith("; download it yourself and set path")


def test_neither_path_nor_url(tmp_path: Path, step) -> None:
    message = refused(*provide(step, tmp_path, "--sha256", SHA256))
    key = "checkpoints.english"
    assert message == f"{key}.path and {key}.url are both null: set one of them in the config"


def test_a_refusal_leaves_what_was_there(tmp_path: Path, step, source: Path) -> None:
    output = tmp_path / "results" / "given.pt"
    output.parent.mkdir()
    output.write_bytes(b"old")
    result, made = provide(step, tmp_path, "--path", source, "--sha256", "0" * 64)
    assert (result.returncode, made, output.read_bytes()) == (1, ["given.pt"], b"old")
