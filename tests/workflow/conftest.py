"""The whole workflow on fake trainers: tiny corpora of tones, and a snakemake that finds the fakes on its PATH."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile
import yaml

from tests.parallel import once
from tests.workflow.warm.session import WarmStart

REPOSITORY = Path(__file__).resolve().parents[2]
FAKES = Path(__file__).parent / "fakes"
BIN = Path(sys.executable).parent
WARM = WarmStart()  # used while `_warm_start` says so
CHARACTERS = "甲乙丙丁"
TONES = {character: tone for alphabet in (CHARACTERS, "абвг") for tone, character in enumerate(f"{alphabet} ", 1)}

CONFIG = {
    "pretraining": {
        "mandarin": {
            "recipe": "{directory}/fairseq.yaml",
            "validation_fraction": 0.3,
            "audio_shards": 2,
            "effective_gpus": 1,
            "updates": 30,
            "milestones": [10, 20],
        }
    },
    "finetuning": {"aishell1": {"recipe": "{directory}/espnet.yaml", "learning_rates": [0.1], "average_last": 2}},
    "experiments": [{"finetuning": "aishell1", "from": ["mandarin"]}],
}


def speak(transcript: str) -> np.ndarray:
    """16 kHz samples: 100 ms of n times 100 Hz for the n-th character of an alphabet; a space is the one behind it."""
    time = np.arange(1600) / 16000
    return np.concatenate([0.5 * np.sin(2 * np.pi * 100 * TONES[c] * time) for c in transcript])


def lay_out(root: Path, utterances: int = 24) -> None:
    """Both corpora as distributed, with so many utterances for pre-training, the second of which leaks."""
    rng = random.Random(1)
    one, two = root / "data_aishell", root / "AISHELL-2/iOS/data"
    transcripts = {}
    for number in range(utterances):
        transcripts[f"IC0001W{number:04d}"] = "".join(rng.choices(CHARACTERS, k=12))
    lines = []
    for subset, speaker, count in (("train", "S0002", 6), ("dev", "S0724", 3), ("test", "S0764", 3)):
        for number in range(count):
            utterance, transcript = f"BAC009{speaker}W{number:04d}", "".join(rng.choices(CHARACTERS, k=10))
            path = one / "wav" / subset / speaker / f"{utterance}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, speak(transcript), 16000, subtype="PCM_16")
            lines.append(f"{utterance} {' '.join(transcript)}\n")
            if subset == "dev":
                transcripts["IC0001W0001"] = transcript
    (one / "transcript").mkdir()
    (one / "transcript/aishell_transcript_v0.8.txt").write_text("".join(lines), encoding="utf-8")
    (two / "wav/C0001").mkdir(parents=True)
    for utterance, transcript in transcripts.items():
        soundfile.write(two / f"wav/C0001/{utterance}.wav", speak(transcript), 16000, subtype="PCM_16")
    (two / "wav.scp").write_text("".join(f"{u}\twav/C0001/{u}.wav\n" for u in transcripts), encoding="utf-8")
    (two / "trans.txt").write_text("".join(f"{u}\t{t}\n" for u, t in transcripts.items()), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def _warm_start(request: pytest.FixtureRequest) -> Iterator[None]:
    WARM.is_on = not request.config.getoption("--cold")
    yield
    WARM.is_on = False
    WARM.close()


def environment_of_fakes() -> dict[str, str]:
    """An environment in which python and snakemake know the fakes, and have a warm start unless --cold forbids it."""
    path = os.pathsep.join([str(FAKES / "bin"), str(BIN), os.environ["PATH"]])
    fakes = {"PATH": path, "REAL_PYTHON": sys.executable}
    return os.environ | fakes | (WARM.environment if WARM.is_on else {})


@dataclass
class Run:
    """What a call of snakemake did."""

    code: int
    output: str

    @property
    def rules(self) -> list[str]:
        """The rules that ran (or, with -n, would run), sorted, one entry a job."""
        return sorted(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", self.output, re.MULTILINE))

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to do."""
        return "Nothing to be done" in self.output


@dataclass
class Project:
    """A working directory with corpora, recipes and an overlay of the config."""

    directory: Path
    repository: Path = REPOSITORY

    def configure(self, **changes: object) -> None:
        """Write the overlay; `pretraining__mandarin__seed=2` sets a nested key."""
        here = json.dumps(str(self.directory))[1:-1]
        config = json.loads(json.dumps(CONFIG).replace("{directory}", here))
        for path, value in changes.items():
            *parents, last = path.split("__")
            entry = config
            for name in parents:
                entry = entry.setdefault(name, {})
            entry[last] = value
        (self.directory / "overlay.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def snakemake(self, *words: str, **environment: str) -> Run:
        """Run snakemake here, with the fakes first on its PATH."""
        env = environment_of_fakes() | environment
        call = subprocess.run(self._command(words), cwd=self.directory, env=env, capture_output=True, text=True)
        return Run(call.returncode, call.stdout + call.stderr)

    def start(self, *words: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        """Like `snakemake`, in a process group of its own, and without waiting for its end.

        Signals act on it and on what it starts as on a real one; `warm.session.below` finds what it has started.
        """
        return subprocess.Popen(
            self._command(words),
            cwd=self.directory,
            env=environment_of_fakes() | environment,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,  # not a session of its own: warm.keeper
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a shell
        )

    def _command(self, words: tuple[str, ...]) -> list[str | Path]:
        settings = ["--cores", "2", "--show-failed-logs", "--configfile", "overlay.yaml"]
        return ["snakemake", *words, "--snakefile", self.repository / "Snakefile", *settings]  # targets first

    def read(self, path: str) -> str:
        """The text of a file."""
        return (self.directory / path).read_text(encoding="utf-8")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project in which nothing has run."""
    return make(tmp_path / "a project")


def make(directory: Path, utterances: int = 24) -> Project:
    """Lay out corpora, recipes and overlay. The name of the directory may hold a space: all paths are quoted."""
    lay_out(directory / "corpora", utterances)
    (directory / "fairseq.yaml").write_text("lr_scheduler: {total_num_update: 30}\n", encoding="utf-8")
    (directory / "espnet.yaml").write_text("max_epoch: 3\n", encoding="utf-8")
    project = Project(directory)
    project.configure()
    return project


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    def finish(place: Path) -> None:
        run = make(place / "a project").snakemake()
        assert run.code == 0, run.output
        (place / "output").write_text(run.output, encoding="utf-8")

    place = once(tmp_path_factory, "finished", finish)
    return place / "a project", Run(0, (place / "output").read_text(encoding="utf-8"))


@pytest.fixture
def first_run(_finished: tuple[Path, Run]) -> Run:
    """What the run that made `finished` did."""
    return _finished[1]


@pytest.fixture
def finished(_finished: tuple[Path, Run], tmp_path: Path) -> Project:
    """A copy of a project whose table is made, with all files as old as in the original."""
    directory = tmp_path / "a project"
    shutil.copytree(_finished[0], directory, symlinks=True)
    project = Project(directory)
    project.configure(
        pretraining__mandarin__recipe=str(_finished[0] / "fairseq.yaml"),
        finetuning__aishell1__recipe=str(_finished[0] / "espnet.yaml"),
    )
    return project


def check_out(directory: Path) -> None:
    """Copy the repository, to be edited."""
    for name in ("workflow", "scripts", "config", "profiles"):
        shutil.copytree(REPOSITORY / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", directory)


# As the config names them, from any checkout whose folder they lie beside: a copy of all has nothing to run.
RECIPES = {
    "pretraining__mandarin__recipe": "../fairseq.yaml",
    "finetuning__aishell1__recipe": "../espnet.yaml",
}


@pytest.fixture(scope="session")
def _editable(_finished: tuple[Path, Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    def finish(place: Path) -> None:
        shutil.copytree(_finished[0], place / "a project", symlinks=True)
        for recipe in RECIPES.values():
            (place / "a project" / Path(recipe).name).rename(place / Path(recipe).name)
        check_out(place / "a checkout")
        made = Project(place / "a project", place / "a checkout")
        made.configure(**RECIPES)
        run = made.snakemake()
        assert run.code == 0, run.output
        assert set(run.rules) == {"write_config", "write_report", "all"}  # the config names the recipes

    return once(tmp_path_factory, "editable", finish)


@pytest.fixture
def project(_editable: Path, tmp_path: Path) -> Project:
    """A finished project, recipes of its own, and a checkout, all to be edited."""
    shutil.copytree(_editable, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Project(tmp_path / "a project", tmp_path / "a checkout")
