"""A checkpoint from elsewhere is accepted by its sha256 or not at all; whatever else it is gets its sentence."""

import functools
import hashlib
import http.server
import io
import json
import pickle
import subprocess
import sys
import threading
import zipfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from safetensors.torch import save as as_safetensors  # noqa: E402

from scripts.common.errors import exit_on_error  # noqa: E402
from scripts.pretrain import provide_checkpoint  # noqa: E402


def saved(content: Any, **how: Any) -> bytes:
    """As torch.save writes it."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


REPOSITORY = Path(__file__).resolve().parents[2]
FAIRSEQ = {"cfg": {"model": {"_name": "wav2vec2"}}, "model": {"w": torch.arange(500.0)}}
CONTENT = saved(FAIRSEQ)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass(frozen=True)
class Result:
    """How a step ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """A function that runs the command line in this process: importing torch takes its time."""

    def call(module: str, *words: object) -> Result:
        monkeypatch.setattr(sys, "argv", [module, *map(str, words)])
        code = 0
        try:
            exit_on_error(provide_checkpoint.main)
        except SystemExit as end:
            code = 1
            print(end, file=sys.stderr)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return call


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
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
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


def take(step, folder: Path, content: bytes, name: str = "given.pt", **beside: str) -> tuple[Result, dict[str, Any]]:
    """Provide these bytes with their digest pinned; the sidecar, if it was taken. `beside`: texts of files there."""
    place = folder / "elsewhere"
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(content)
    for other, text in beside.items():
        (place / f"{other}.json").write_text(text)
    result, made = provide(step, folder, "--path", place / name, "--sha256", hashlib.sha256(content).hexdigest())
    assert made == (["given.json", "given.pt"] if result.returncode == 0 else [])
    return result, json.loads((folder / "results/given.json").read_text()) if made else {}


class Runs:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "content")
    return buffer.getvalue()


LEGACY = saved(FAIRSEQ, _use_new_zipfile_serialization=False)
TENSORS = {"wav2vec2.feature_projection.projection.weight": torch.zeros(8, 4)}
NOT_TAKEN = {
    "a web page": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page and no checkpoint: set"),
    "an answer in XML": (b'<?xml version="1.0"?><Error>AccessDenied</Error>', "is a web page and no checkpoint: set"),
    "nothing": (b"", "is empty: bring it again"),
    "a text": (b"these are no weights", "begins like no checkpoint: give fairseq's .pt, or the model.safetensors"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
    "an index": (b'{"weight_map": {}}', "is JSON and holds no weights: give the model.safetensors"),
    "a tarball": (b"\x1f\x8b\x08\x00rest", "is an archive: unpack it and set checkpoints.english.path to"),
    "a zip": (zipped("wav2vec_small.pt"), "is an archive: unpack it and set checkpoints.english.path to"),
    "cut off": (CONTENT[:-700], f"is cut off or damaged ({len(CONTENT) - 700} bytes are there): download it again"),
    "cut off, in torch's first format": (LEGACY[:-700], f"damaged ({len(LEGACY) - 700} bytes are there): download it"),
    "cut off in its pickle": (LEGACY[:90], "is cut off or damaged (90 bytes are there): download it again"),
    "cut off safetensors": (as_safetensors(TENSORS)[:-1], "is cut off or damaged"),
    "half a header": (as_safetensors(TENSORS)[:40], "is cut off or damaged (40 bytes are there): download it again"),
    "a list": (saved([1, 2]), "holds a list instead of a checkpoint by name: give fairseq's .pt"),
    "another program's": (saved({"hyper_parameters": {}, "epoch": 3}), "holds epoch, hyper_parameters and no model"),
    "weights of ESPnet": (
        saved({"encoder.encoders.mask_emb": torch.zeros(4)}),
        "is a model that ESPnet has fine-tuned: give the wav2vec 2.0 checkpoint that it was made from",
    ),
    "weights of torchaudio": (
        saved({"encoder.transformer.layers.0.attention.k_proj.weight": torch.zeros(4, 4)}),
        "holds weights alone, and not under the names of transformers' wav2vec 2.0: give the checkpoint",
    ),
    "weights of fairseq without their configuration": (
        saved({"model": {"mask_emb": torch.zeros(4)}}),
        "holds neither cfg nor args, so that its architecture is not known: give the checkpoint as fairseq has saved",
    ),
    "HuBERT": (
        saved({"cfg": {"model": {"_name": "hubert"}}, "model": {}}),
        "is a hubert of fairseq, and only wav2vec 2.0 is taken: give another checkpoint",
    ),
    "fine-tuned, and nothing of its encoder": (
        saved({"cfg": {"model": {"w2v_args": None}}, "model": {"w2v_encoder.w2v_model.mask_emb": torch.zeros(4)}}),
        "is a model that fairseq has fine-tuned, and says nothing of the one that it was made from: give that one",
    ),
    "Hugging Face's without config.json": (
        as_safetensors(TENSORS),
        "is a model of Hugging Face, whose config.json has to lie beside it: cannot read ",
    ),
}


@pytest.mark.parametrize("what", NOT_TAKEN)
def test_what_is_no_checkpoint_gets_its_sentence(tmp_path: Path, step, what: str) -> None:
    content, sentence = NOT_TAKEN[what]
    result, _ = take(step, tmp_path, content)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert f"elsewhere/given.pt {sentence}" in result.stderr or ("damaged" in sentence and sentence in result.stderr)
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("what", ["a web page", "cut off", "cut off safetensors", "a pointer"])
def test_nobody_is_asked_to_trust_what_is_no_checkpoint(tmp_path: Path, step, what: str) -> None:
    """Its digest would be the wrong one to set; and another digest is explained by what the file is."""
    content, sentence = NOT_TAKEN[what]
    (tmp_path / "given.pt").write_bytes(content)
    for digest in ([], ["--sha256", "0" * 64]):
        assert sentence in refused(*provide(step, tmp_path, "--path", tmp_path / "given.pt", *digest))


def test_a_download_that_breaks_off(tmp_path: Path, step) -> None:
    class BreaksOff(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(LEGACY)))
            self.end_headers()
            self.wfile.write(LEGACY[:1000])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/wav2vec_small.pt"
        message = refused(*provide(step, tmp_path, "--url", url, "--sha256", SHA256))
        running.shutdown()
    assert message == f"{url} is cut off or damaged (1000 bytes are there): download it again"


@pytest.mark.parametrize("digest", [None, "0" * 64])
@pytest.mark.parametrize("how", ["as a pickle", "as torch saves"])
def test_nothing_is_run_without_the_digest(tmp_path: Path, step, digest: str | None, how: str) -> None:
    trace, given = tmp_path / "trace", tmp_path / "given.pt"
    given.write_bytes(pickle.dumps(Runs(trace)) if how == "as a pickle" else saved({"model": Runs(trace)}))
    refused(*provide(step, tmp_path, "--path", given, *(["--sha256", digest] if digest else [])))
    assert not trace.exists()


def test_a_checkpoint_with_objects_is_unpickled_once_its_digest_was_compared(tmp_path: Path, step) -> None:
    result, _ = take(step, tmp_path, saved(FAIRSEQ | {"task_state": Runs(tmp_path / "trace")}))
    assert (result.returncode, (tmp_path / "trace").exists()) == (0, True)
    assert result.stdout.endswith("is unpickled, as its sha256 is the one that the config names\n")


@pytest.mark.parametrize("form", [{}, {"_use_new_zipfile_serialization": False}])
def test_args_of_fairseq_0_10(tmp_path: Path, step, form: dict[str, bool]) -> None:
    state = {"args": Namespace(arch="wav2vec2", layer_norm_first=False), "model": {"w": torch.zeros(2)}}
    content = saved(state, **form)
    result, facts = take(step, tmp_path, content)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "results/given.pt").read_bytes() == content
    assert facts["made_from"] == {"sha256": hashlib.sha256(content).hexdigest()}


def test_a_large_model_says_what_it_asks_for(tmp_path: Path, step) -> None:
    cfg = {"model": {"_name": "wav2vec2", "layer_norm_first": True, "encoder_embed_dim": 1024}}
    result, _ = take(step, tmp_path, saved({"cfg": cfg | {"task": {"normalize": True}}, "model": {}}))
    assert "is a large model (layer_norm_first): encoder_conf.output_size of ESPnet's recipe is 1024" in result.stdout
    assert "was pre-trained on waveforms of mean 0 and variance 1" in result.stdout


@pytest.mark.parametrize("generation", ["cfg", "args"])
def test_the_encoder_of_a_fine_tuned_model_is_taken(tmp_path: Path, step, generation: str) -> None:
    pretrained = {"model": {"_name": "wav2vec2", "encoder_layers": 3}, "task": {"_name": "audio_pretraining"}}
    weights = {"w2v_encoder.w2v_model.mask_emb": torch.ones(4), "w2v_encoder.proj.weight": torch.zeros(9, 4)}
    if generation == "cfg":
        settings = {"cfg": {"model": {"_name": "wav2vec_ctc", "w2v_args": pretrained}}}
    else:
        settings = {"args": Namespace(arch="wav2vec_ctc", w2v_args=Namespace(arch="wav2vec2", encoder_layers=3))}
    content = saved(settings | {"model": weights})
    result, facts = take(step, tmp_path, content)
    assert "is a model that fairseq has fine-tuned: its encoder was converted to fairseq's format" in result.stdout
    assert result.stdout.endswith(", without the heads of pre-training\n")
    made = torch.load(tmp_path / "results/given.pt", weights_only=False)
    assert {name: tensor.tolist() for name, tensor in made["model"].items()} == {"mask_emb": [1.0] * 4}
    assert (made["cfg"] == pretrained) if generation == "cfg" else (made["args"].encoder_layers == 3)
    assert facts["made_from"]["sha256"] == hashlib.sha256(content).hexdigest() != facts["sha256"]
    assert set(facts["made_from"]) == {"sha256", "code"}


@pytest.mark.slow
def test_the_command_itself(tmp_path: Path) -> None:
    """In a process of its own, as the rule starts it."""
    page = tmp_path / "wav2vec_small.pt"
    page.write_text("<!doctype html><title>Not found</title>")
    words = ["--path", page, "--key", "checkpoints.english", "--output", tmp_path / "results/given.pt"]
    command = [sys.executable, "-m", "scripts.pretrain.provide_checkpoint", *map(str, words)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {page} is a web page and no checkpoint: set checkpoints.english.url to the address of the file itself "
        "(it may want a log-in), or download it in a browser and set checkpoints.english.path\n"
    )
