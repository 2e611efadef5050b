"""Fixtures for tests that need a real conda and the workflow's environments. A conftest imports them by name.

They are made once a session, in LOCAL_CONDA_DIR if that is set (and kept there, which saves the next session minutes),
else in pytest's temporary directory.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.local_conda import LOCAL_CONDA
from tests.local_conda.install import Unavailable, provide
from tests.parallel import common, locked
from tests.workflow.test_rules import Rule

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENTS = REPOSITORY / "workflow" / "envs"
RULES_USE = ("corpora", "fairseq", "espnet", "results", "export")


@dataclass(frozen=True)
class Environments:
    """Environments as Snakemake made them in a directory."""

    prefix: Path

    def of(self, name: str) -> Path:
        """The directory of an environment. Snakemake names it by a digest and leaves what it is made of beside it."""
        (found,) = [path for path in self.prefix.glob("*_") if self._is(path, name)]
        return found

    def _is(self, path: Path, name: str) -> bool:
        """Whether an environment is finished and made of the files as they are now."""
        return path.with_name(f"{path.name}.env_setup_done").exists() and made_of(path) == made_of(ENVIRONMENTS / name)


def made_of(environment: Path) -> list[bytes | None]:
    """The content of NAME.yaml and NAME.post-deploy.sh, None where there is no such file."""
    files = [environment.with_name(environment.name + suffix) for suffix in (".yaml", ".post-deploy.sh")]
    return [file.read_bytes() if file.exists() else None for file in files]


def environment_of(rule: Rule) -> str:
    """The name of the environment that a rule's conda: names."""
    (name,) = re.findall(r"/envs/(\w+)\.yaml", rule.directives["conda"])
    return name


@pytest.fixture(scope="session")
def conda_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where conda and the environments lie (4 GB), for all workers; what is not kept goes with the session."""
    kept = os.environ.get("LOCAL_CONDA_DIR")
    directory = Path(kept) if kept else common(tmp_path_factory) / LOCAL_CONDA
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


@pytest.fixture(scope="session")
def conda_bin(conda_directory: Path) -> Path:
    """The directory to put on PATH: it holds `conda`, and no python unless it is the system's conda."""
    try:
        with locked(conda_directory / ".lock"):
            return provide(conda_directory / "conda")
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def conda_prefix(conda_directory: Path, conda_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory for --conda-prefix: Snakemake has made every rule's environment in it."""
    prefix = conda_directory / "envs"
    words = ["--sdm", "conda", "--conda-create-envs-only", "--conda-prefix", str(prefix), "--cores", "1"]
    words += ["--config", "exports=[{name: one, what: recogniser, finetuning: aishell1, from: best}]"]
    with locked(conda_directory / ".lock"):
        work = tmp_path_factory.mktemp("plan")
        lay_out_empty_corpora(work)
        words += ["--configfile", "config/demo.yaml"]
        # Two thirds of the time would go to bytecode, of which steps make what they import.
        call = snakemake(work, *words, conda_bin=conda_bin, PIP_COMPILE="0")
    assert call.returncode == 0, call.stdout
    return prefix


@pytest.fixture(scope="session")
def environments(conda_prefix: Path) -> Environments:
    """The environments by their names."""
    return Environments(conda_prefix)


def snakemake(work: Path, *words: str, conda_bin: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call snakemake from the repository with a conda on its PATH; stdout holds all that it prints."""
    path = os.pathsep.join([str(conda_bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *words, "--directory", str(work)],  # targets come first in words
        cwd=REPOSITORY,
        env=os.environ | {"PATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def lay_out_empty_corpora(work: Path) -> None:
    """The lists that a plan needs to exist, empty."""
    lists = ("data_aishell/transcript/aishell_transcript_v0.8.txt", "{}/iOS/data/wav.scp", "{}/iOS/data/trans.txt")
    for name in lists:
        for corpus in ("AISHELL-2", "English"):
            path = work / "corpora" / name.format(corpus)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
