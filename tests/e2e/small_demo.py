"""The demo at a tenth of its size: a few updates, two epochs, and all stages on real fairseq and real ESPnet."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import pytest
import yaml

from tests.parallel import once
from tests.places import AWKWARD, copy_repository, with_commit

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def quick_imports() -> dict[str, str]:
    """Variables for this interpreter's programs, and a python that does without what is imported and never called."""
    path = os.pathsep.join([str(Path(__file__).with_name("bin")), str(BIN), os.environ["PATH"]])
    return {"PATH": path, "REAL_PYTHON": sys.executable}


def lay_out(directory: Path) -> None:
    """Corpora, and an overlay over config/demo.yaml."""
    make_corpora = [sys.executable, "-m", "scripts.corpora.make_demo_corpora", "--seed", "1", "--scale", "0.1"]
    subprocess.run([*make_corpora, "--output", directory / "corpora"], cwd=REPOSITORY, check=True, capture_output=True)
    recipe = yaml.safe_load((REPOSITORY / "config/finetune/demo.yaml").read_text()) | {"max_epoch": 2}
    (directory / "espnet.yaml").write_text(yaml.safe_dump(recipe | {"keep_nbest_models": 2}))
    overlay = {
        "pretraining": {
            "mandarin": {"validation_fraction": 0.2, "updates": 8, "milestones": [0, 4, 8]},
            "english-demo": {"validation_fraction": 0.2, "updates": 8, "milestones": [8]},
        },
        "finetuning": {"aishell1": {"recipe": str(directory / "espnet.yaml"), "average_last": 2}},
        "exports": [],  # test_export has its own
    }
    (directory / "small.yaml").write_text(yaml.safe_dump(overlay))


def snakemake(directory: Path, *words: str, repository: Path = REPOSITORY, configs: Sequence[Path] = ()) -> str:
    """What snakemake prints."""
    with start(directory, *words, repository=repository, configs=configs) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def start(
    directory: Path,
    *words: str,
    stdout: int | IO[str] = subprocess.PIPE,
    repository: Path = REPOSITORY,
    configs: Sequence[Path] = (),
) -> subprocess.Popen[str]:
    """snakemake, started from the repository as a user would, in a process group of its own.

    The python of its jobs does without what is imported and never called; the conda environments of tests/conda and
    tests/slurm/test_demo.py hold all that is pinned.
    """
    configs = configs or (Path("config/demo.yaml"), directory / "small.yaml")
    return subprocess.Popen(
        [BIN / "snakemake", *words, "--profile", "profiles/demo", "--directory", directory, "--configfile", *configs],
        cwd=repository,
        env=os.environ | quick_imports(),
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a shell
    )


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the small demo has run on this machine, below an awkward name as the repository.

    Several workers look at it at once: nothing may run there, or be written (`copy_demo`).
    """
    pytest.importorskip("espnet2", reason="ESPnet is not installed (workflow/envs/espnet.yaml)")
    pytest.importorskip("espeakng_loader", reason="the demo's voices are not installed (workflow/envs/demo.yaml)")

    def train(directory: Path) -> None:
        place = directory / AWKWARD
        lay_out(place / "the work")
        snakemake(place / "the work", repository=with_commit(copy_repository(place)))

    return once(tmp_path_factory, "demo", train) / AWKWARD / "the work"


@pytest.fixture(scope="session")
def copy_demo(small_demo: Path) -> Callable[[Path], Path]:
    """A function that puts a finished small demo where it is told, for tests that change it; half a second."""
    return lambda directory: shutil.copytree(small_demo, directory, symlinks=True)
