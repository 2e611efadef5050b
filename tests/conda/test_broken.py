"""What must not get into a step: another python than its environment's, and packages from elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_conda.fixture import Environments, lay_out_empty_corpora, snakemake


@pytest.mark.parametrize(
    "activate",
    ["return 1", "true", 'export CONDA_PREFIX="$1"'],
    ids=["activation fails", "activation does nothing", "the environment has no python"],
)
def test_without_its_environment_a_rule_does_not_run(
    activate: str, environments: Environments, conda_bin: Path, tmp_path: Path
) -> None:
    """Snakemake goes on after a failed activation, on the python that comes next on PATH."""
    program = breaking_conda(tmp_path, conda_bin, activate)
    words = ["results/config.yaml", "--sdm", "conda", "--conda-prefix", str(environments.prefix), "--cores", "1"]
    lay_out_empty_corpora(tmp_path / "work")
    # As if Snakemake itself had been started from a conda environment, which a failed activation leaves active.
    started_from = {"CONDA_PREFIX": sys.prefix} if activate == "return 1" else {}
    call = snakemake(tmp_path / "work", *words, conda_bin=program.parent, **started_from)
    assert call.returncode != 0 and not (tmp_path / "work/results/config.yaml").exists(), call.stdout
    assert "the conda environment" in call.stdout and "is not active" in call.stdout


def breaking_conda(directory: Path, conda_bin: Path, activate: str) -> Path:
    """A program `conda` that is the real one, but leads Snakemake to another script bin/activate."""
    base, program = directory / "base", directory / "broken" / "conda"
    for path in (base / "bin/activate", program):
        path.parent.mkdir(parents=True)
    (base / "bin/activate").write_text(f"{activate}\n")
    real = json.loads(subprocess.run([conda_bin / "conda", "info", "--json"], capture_output=True, check=True).stdout)
    told = json.dumps(real | {"conda_prefix": str(base)})
    (directory / "info.json").write_text(told)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = info ]; then cat "{directory}/info.json"; else exec "{conda_bin}/conda" "$@"; fi\n'
    )
    program.chmod(0o755)
    return program


def test_packages_in_the_home_directory_stay_out(environments: Environments, conda_bin: Path, tmp_path: Path) -> None:
    """python looks into ~/.local before it looks into its environment."""
    packages = tmp_path / "home/lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (packages / "yaml.py").write_text("raise SystemExit('PyYAML of the home directory')\n")
    words = ["results/config.yaml", "--sdm", "conda", "--conda-prefix", str(environments.prefix), "--cores", "1"]
    lay_out_empty_corpora(tmp_path / "work")
    call = snakemake(tmp_path / "work", *words, conda_bin=conda_bin, PYTHONUSERBASE=str(tmp_path / "home"))
    assert call.returncode == 0, call.stdout
