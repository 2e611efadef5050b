"""The small demo through profiles/slurm: every job on SLURM, in the conda environment of its rule."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from scripts.common.tables import read_table
from scripts.reruns.commands import commands
from scripts.results.tabulate import CER_COLUMNS
from tests.slurm.cluster import Cluster, call
from tests.slurm.conftest import QUICK, SNAKEMAKE, environment
from tests.slurm.test_errors import fill, small_disk
from tests.workflow.conftest import REPOSITORY

# Rules that the small demo needs not: it is given no checkpoint, its audio is usable, it exports nothing (tests/conda
# tries the conda environments of all).
WITHOUT_USE = {"provide_checkpoint", "convert_audio"}
WITHOUT_USE |= {f"{verb}_{what}" for verb in ("hand_over", "export") for what in ("recogniser", "encoder")}
JOBS_AT_ONCE = 6  # the machine has fewer cores than SLURM believes


@dataclass
class OnCluster:
    """A working directory, and snakemake in it as a user of a cluster calls it."""

    directory: Path
    conda_bin: Path
    conda_prefix: Path

    def snakemake(self, *words: str) -> subprocess.CompletedProcess[str]:
        local = environment()
        path = os.pathsep.join([str(self.conda_bin), local["PATH"]])
        configs = ["--configfile", "config/demo.yaml", str(self.directory / "small.yaml")]
        settings = ["--profile", "profiles/slurm", "--conda-prefix", str(self.conda_prefix), *QUICK]
        settings += ["--jobs", str(JOBS_AT_ONCE)]
        return subprocess.run(
            [*SNAKEMAKE, *words, "--directory", self.directory, *configs, *settings],
            cwd=REPOSITORY,
            env=local | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def demo(cluster: Cluster, small_demo: Path, conda_bin: Path, conda_prefix: Path, tmp_path_factory) -> OnCluster:
    """The Mandarin half of the small demo, made on SLURM: every rule, without a second model that they make alike."""
    directory = tmp_path_factory.mktemp("on SLURM")
    shutil.copytree(small_demo / "corpora", directory / "corpora")
    overlay = yaml.safe_load((small_demo / "small.yaml").read_text())
    overlay["experiments"] = [{"finetuning": "aishell1", "from": ["mandarin"]}]
    (directory / "small.yaml").write_text(yaml.safe_dump(overlay))
    made = OnCluster(directory, conda_bin, conda_prefix)
    done = made.snakemake()
    assert done.returncode == 0, done.stdout
    return made


def rows(directory: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    """The scores of the Mandarin checkpoints, all digits of them, and their rows of the table: without the comparisons
    with other models, which this half does not hold.
    """
    scores = read_table(directory / "results/cer.tsv", CER_COLUMNS)
    alone = scores.loc[scores["model"] == "mandarin", : CER_COLUMNS[CER_COLUMNS.index("above") - 1]]
    table = (directory / "results/cer.md").read_text().splitlines()
    return list(alone.itertuples(index=False, name=None)), [line for line in table if line.startswith("| @")]


def test_the_table_equals_the_local_one_to_the_digit(demo: OnCluster, small_demo: Path) -> None:
    scores, table = rows(demo.directory)
    assert (scores, table) == rows(small_demo)
    assert (len(scores), len(table)) == (8, 4)  # after 0, 4 and 8 updates, and the best; dev and test


def test_jobs_asked_for_what_the_profile_says(demo: OnCluster) -> None:
    """As SLURM understood it; a job's comment names its rule."""
    profile = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())
    seen = set()
    for job in call("scontrol", "show", "jobs", "--oneliner").stdout.splitlines():
        facts = dict(re.findall(r"([\w/:]+)=(\S+)", job))
        if str(demo.directory) not in job:
            continue
        rule = re.match(r"rule_([a-z_]+?)(_wildcards.*)?$", facts["Comment"])[1]
        asked = profile["default-resources"] | profile["set-resources"].get(rule, {})
        seen.add(rule)
        gpus = asked.get("gpu")
        assert facts.get("TresPerJob", "") == (f"gres:gpu:{gpus}" if gpus else ""), job
        assert facts["Partition"] == ("gpu" if gpus else "cpu")
        assert facts["CPUs/Task"] == str(asked.get("cpus_per_task", 8 if rule == "list_utterances" else 1))
        assert facts["MinMemoryNode"] in memory(asked["mem_mb"]), job
        assert facts["Requeue"] == "1" and facts["Account"] == "your-account"
    assert seen == set(commands(REPOSITORY / "workflow/rules")) - WITHOUT_USE


def memory(megabytes: int) -> set[str]:
    """As scontrol may write it."""
    return {f"{megabytes}M", f"{megabytes / 1024:g}G", f"{megabytes / 1024:.2f}G"}


def test_nothing_runs_twice(demo: OnCluster) -> None:
    assert "Nothing to be done" in demo.snakemake().stdout


def test_a_full_disk_in_fine_tuning(demo: OnCluster, small_demo: Path) -> None:
    """One clear line, and what ESPnet had saved is gone on from when there is room."""
    branch = "results/finetune/aishell1/from/mandarin/after-8-updates/lr-0.004/seed-1"
    folder = demo.directory / branch
    shutil.rmtree(folder)
    (folder / "work").mkdir(parents=True)
    target = f"{branch}/epochs"
    with small_disk(folder / "work", 9):  # an epoch's weights take 1 MB, ESPnet's checkpoint three times as much
        filler = fill(folder / "work")
        full = demo.snakemake(target, "--retries", "0")
        assert full.returncode == 1
        assert "no space left on the disk of" in full.stdout, full.stdout
        filler.unlink()
        again = demo.snakemake(target)
        assert again.returncode == 0, again.stdout
    average = f"{branch}/average-of-last-2.pth"
    assert demo.snakemake(average).returncode == 0
    assert rows(demo.directory) == rows(small_demo)
