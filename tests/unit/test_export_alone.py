"""An export says the same where nothing of ours is installed, by the words of its own model card.

Each environment is a venv of its own with one package and what that requires, linked from where the tests run.
"""

import json
import re
import subprocess
import venv
import wave
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")
for package in ("transformers", "onnx", "onnxruntime"):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed (workflow/envs/export.yaml)", allow_module_level=True)

from packaging.requirements import Requirement  # noqa: E402

from scripts.export import export_recogniser  # noqa: E402
from tests.unit import exported  # noqa: E402
from tests.unit.test_hugging_face import BASE  # noqa: E402

READERS = {  # the section of the card by what it imports, and packages that have to be there
    "transformers": ["transformers", "torch"],
    "onnxruntime": ["onnxruntime", "numpy"],
    "sherpa_onnx": ["sherpa-onnx", "numpy"],
}
PROGRAM = """
import contextlib, io, json, sys, wave
import numpy as np
heard = {}
for name, path in json.loads(sys.argv[1]).items():
    with wave.open(path) as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(sys.argv[2], {"speech": speech, "DIR": sys.argv[3]})
    heard[name] = said.getvalue().strip()
for package in ("espnet2", "fairseq", "scripts"):
    try:
        __import__(package)
    except ImportError:
        continue
    raise AssertionError(package)
print(json.dumps(heard))
"""


def required(packages: list[str]) -> dict[str, metadata.Distribution]:
    """Installed packages and all that they require here."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found[name] = metadata.distribution(name)
            needed = [Requirement(text) for text in found[name].requires or ()]
            waiting += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def environment(packages: list[str], folder: Path) -> Path:
    """The Python of a venv that holds them and nothing else, not even pip."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in required(packages).values():
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, str]]:
    """An export, wavs by name, and what ESPnet hears in each."""
    place = tmp_path_factory.mktemp("published")
    handed = exported.handed_over(BASE, seconds=2)
    export_recogniser.publish(handed, place / "mine")
    wavs = {}
    for name, samples in handed.samples.items():
        wavs[name] = str(place / f"{name}.wav")
        with wave.open(wavs[name], "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
    return place / "mine", wavs, {utterance.name: utterance.heard for utterance in handed.utterances}


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_it_says_the_same_where_nothing_else_is(
    reader: str, published: tuple[Path, dict[str, str], dict[str, str]], tmp_path: Path
) -> None:
    if find_spec(reader) is None:
        pytest.skip(f"{reader} is not installed (workflow/envs/develop.yaml)")
    folder, wavs, expected = published
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if reader in block]
    assert len(block.strip().splitlines()) <= 4
    python = environment(READERS[reader], tmp_path / "alone")
    command = [str(python), "-I", "-c", PROGRAM, json.dumps(wavs), block, str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected
    assert any(expected.values())
