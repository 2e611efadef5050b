"""Pre-training by real fairseq through profiles/slurm on a real SLURM, on tones, with a tiny model."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import tiny_recipe, write_recipe
from tests.e2e.small_demo import quick_imports
from tests.local_conda.fixture import conda_bin, conda_directory, conda_prefix, environments
from tests.parallel import locked
from tests.slurm.cluster import Cluster, call, wait_until, why_not
from tests.workflow.conftest import BIN, REPOSITORY, make

__all__ = ["conda_bin", "conda_directory", "conda_prefix", "environments", "tiny_recipe", "write_recipe"]

LOCK = Path(tempfile.gettempdir()) / "slurm-for-tests.lock"
UTTERANCES = 150  # 9 updates an epoch, at whose end fairseq saves
PAUSE = 0.5  # seconds before an update on SLURM, so that a training takes at least so long
PATIENCE = 240  # seconds until a run has to have done what a test waits for
SNAKEMAKE = [sys.executable, str(REPOSITORY / "tests/slurm/impatient_snakemake.py")]
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A SLURM of two nodes, for the whole session."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    pytest.importorskip("fairseq", reason="fairseq is not installed (workflow/envs/fairseq.yaml)")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    with locked(LOCK):  # there is one default place for slurm.conf: wait until no other session has it
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: dict[str, Any], write_recipe) -> Path:
    """A working directory in which all that comes before pre-training is made."""
    project = make(tmp_path_factory.mktemp("prepared") / "a project", UTTERANCES)
    recipe = tiny_recipe | {"lr_scheduler": tiny_recipe["lr_scheduler"] | {"total_num_update": 100_000}}
    recipe["checkpoint"] = recipe["checkpoint"] | {"save_interval_updates": 100_000}
    project.configure(
        pretraining__mandarin__recipe=str(write_recipe(recipe)),
        pretraining__mandarin__utterances_per_file=1,
        pretraining__mandarin__validation_fraction=0.02,
        pretraining__mandarin__effective_gpus=8,
        pretraining__mandarin__updates=100_000,
        pretraining__mandarin__milestones=[100_000],
    )
    locally(project.directory, *(f"results/pretrain/mandarin/manifest/{subset}.tsv" for subset in ("train", "valid")))
    return project.directory


@pytest.fixture(scope="session")
def uninterrupted(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A function that makes a milestone in one go on this machine, without SLURM."""

    @cache
    def make_milestone(updates: int) -> Path:
        alone = copy_of(prepared, tmp_path_factory.mktemp("uninterrupted") / "a run", updates)
        locally(alone.directory, alone.target)
        return alone.milestone

    return make_milestone


def locally(directory: Path, *words: str) -> None:
    """Run snakemake on this machine, to its end."""
    command = [BIN / "snakemake", *words, "--cores", "2", "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--configfile", "overlay.yaml"]
    done = subprocess.run(command, cwd=directory, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Place:
    """A working directory on the cluster, and what runs in it."""

    directory: Path
    updates: int
    profile: Path
    pause: float = PAUSE

    @property
    def milestone(self) -> Path:
        return self.directory / f"results/pretrain/mandarin/after-{self.updates}-updates.pt"

    @property
    def target(self) -> str:
        """The milestone as snakemake is asked for it."""
        return str(self.milestone.relative_to(self.directory))

    @property
    def work(self) -> Path:
        return self.milestone.parent / "work"

    @property
    def owners(self) -> list[Path]:
        """Who has worked on the milestone, in order."""
        return sorted((self.work / f"{self.milestone.stem}.owners").glob("*.json"))

    @property
    def job_ids(self) -> list[str]:
        """The jobs of the owners."""
        return [json.loads(record.read_text())["job"] for record in self.owners]

    @property
    def train_log(self) -> str:
        """What fairseq said in all of its starts."""
        return "".join(log.read_text(errors="replace") for log in self.work.glob(f"{self.milestone.stem}-*/train.log"))

    @property
    def updates_logged(self) -> list[int]:
        """The updates that fairseq logged, in order."""
        return [int(number) for number in re.findall(r'\[train_inner\].*"num_updates": "(\d+)"', self.train_log)]

    @property
    def log(self) -> Path:
        return self.directory / "snakemake.log"

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def edit_profile(self, **changes: Any) -> None:
        """Change the profile as a user does; `pretrain__runtime=1` is a key of set-resources, None takes it away."""
        file = self.profile / "config.yaml"
        profile = yaml.safe_load(file.read_text())
        for path, value in changes.items():
            rule, _, key = path.rpartition("__")
            section = profile["set-resources"][rule] if rule else profile
            section[key] = value
            if value is None:
                del section[key]
        file.write_text(yaml.safe_dump(profile))

    def snakemake(self, *words: str) -> subprocess.Popen[bytes]:
        """Start snakemake for the milestone (or other targets), without conda."""
        command = [*SNAKEMAKE, *(words or (self.target,)), "--snakefile", REPOSITORY / "Snakefile"]
        command += ["--profile", self.profile, "--configfile", "overlay.yaml", *QUICK]
        command += ["--software-deployment-method", "env-modules"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                env=slowly(environment(), self.pause),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Where the tests were started in the background of a shell, they were told to ignore it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def finish(self, process: subprocess.Popen[bytes], patience: float = PATIENCE) -> int:
        """Wait for a snakemake."""
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"{self.said()}\n{call('squeue').stdout}") from None

    def wait_for_update(self, number: int) -> None:
        """Wait until fairseq has logged an update, or a later one."""
        wait_until(lambda: max(self.updates_logged, default=0) >= number, PATIENCE)

    def jobs(self) -> list[str]:
        """Ids of the jobs of pre-training that are pending or running."""
        lines = call("squeue", "-h", "-o", "%i %k").stdout.splitlines()
        return [line.split()[0] for line in lines if line.split()[1].startswith("rule_pretrain")]


@pytest.fixture
def place(cluster: Cluster, prepared: Path, tmp_path: Path) -> Iterator[Callable[[int], Place]]:
    """A function that lays out a working directory for a milestone after so many updates."""
    yield lambda updates: copy_of(prepared, tmp_path / "a run", updates)
    call("scancel", "--user=root")
    wait_until(lambda: not call("squeue", "-h").stdout.strip(), 60)


def copy_of(prepared: Path, directory: Path, updates: int) -> Place:
    """A working directory that asks for one milestone, the end of its run, and a profile of its own."""
    shutil.copytree(prepared, directory, symlinks=True)
    profile = directory.with_name("a profile")
    shutil.copytree(REPOSITORY / "profiles/slurm", profile)
    file = directory / "overlay.yaml"
    config = yaml.safe_load(file.read_text())
    config["pretraining"]["mandarin"] |= {"updates": updates, "milestones": [updates]}
    file.write_text(yaml.safe_dump(config))
    return Place(directory, updates, profile)


def environment() -> dict[str, str]:
    """This interpreter's programs first, nothing of a SLURM job that the tests may run in, and pretended GPUs.

    Where no conda environment is active, python does without what is imported and never called, as in tests/e2e.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    return kept | quick_imports() | {"TRAIN_ON_CPU": "1"}


def slowly(environment: dict[str, str], pause: float) -> dict[str, str]:
    """With a fairseq that pauses: it is found first on PATH."""
    path = os.pathsep.join([str(Path(__file__).parent / "slowly"), environment["PATH"]])
    return environment | {"PATH": path, "SECONDS_BEFORE_AN_UPDATE": str(pause)}
