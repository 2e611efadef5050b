"""The image that rules run in where conda is not welcome: what Snakemake looks for in it, and that it builds."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.local_conda.fixture import REPOSITORY, RULES_USE, lay_out_empty_corpora, snakemake

BUILT = "fairseq"  # the environment that is built, without its heavy packages: fairseq itself is installed afterwards
LIGHT = "packaging"  # is left of its packages
# It notes what it is to run in the image, and runs it outside: there is no Apptainer in Debian 12.
APPTAINER = """#!/bin/bash
if [[ " $* " != *" exec "* ]]; then echo "apptainer version 1.3.0"; exit; fi
printf '%s\\n' "$*" >> "$RECORD"
until [[ $1 == *.sif ]]; do shift; done
shift && exec "$@"
"""


@pytest.fixture(scope="module")
def image(conda_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make image` fills, but for the image."""
    folder = tmp_path_factory.mktemp("image")
    path = os.pathsep.join([str(conda_bin), os.environ["PATH"]])
    command = [sys.executable, "-m", "scripts.cluster.containerize", str(folder), "--only-write"]
    subprocess.run(command, cwd=REPOSITORY, env=os.environ | {"PATH": path}, check=True)
    return folder


def prefixes(image: Path) -> dict[str, str]:
    """Where an environment is to be in the image, by its name."""
    text = (image / "Dockerfile").read_text()
    return dict(re.findall(r"^COPY workflow/envs/(\w+)\.yaml (\S+)/environment\.yaml$", text, re.MULTILINE))


def test_it_has_an_environment_for_every_rule(image: Path) -> None:
    found = prefixes(image)
    assert set(found) == set(RULES_USE)
    for name in ("Dockerfile", "image.def"):
        text = (image / name).read_text()
        assert all(f"conda env create --prefix {prefix} " in text for prefix in found.values())


def test_snakemake_looks_where_it_is(image: Path, conda_bin: Path, tmp_path: Path) -> None:
    lay_out_empty_corpora(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apptainer").write_text(APPTAINER)
    (tmp_path / "bin/apptainer").chmod(0o755)
    (image / "image.sif").touch()
    path = os.pathsep.join(
        [str(tmp_path / "bin"), str(conda_bin), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    words = ["results/corpora/aishell1/utterances.tsv", "--snakefile", str(image / "Snakefile"), "--cores", "1"]
    words += ["--sdm", "conda", "apptainer"]
    call = snakemake(tmp_path, *words, conda_bin=conda_bin, PATH=path, RECORD=str(tmp_path / "record"))
    assert "Unable to find environment in container image" in call.stdout, call.stdout  # as there is no image here
    asked = (tmp_path / "record").read_text().replace("'", "")
    assert f"{image / 'image.sif'} sh -c [ -d {prefixes(image)['corpora']} ]" in asked


SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", sys.base_prefix)


@dataclass(frozen=True)
class Builder:
    """buildah, with this machine's files and conda in the place of a base image's. What it has built goes at once."""

    conda_bin: Path
    place: Path

    def build(self, *steps: str, context: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
        """Build from lines of a Dockerfile, which copy from `context`; stdout holds all that it prints."""
        head = ["FROM scratch", f"ENV PATH={self.conda_bin}:/usr/bin:/bin HOME=/root", "RUN mkdir -p /tmp /root"]
        (self.place / "Dockerfile").write_text("\n".join([*head, *steps]) + "\n")
        conda = self.conda_bin.parents[1]
        mounted = [f"--volume={path}:{path}:ro" for path in dict.fromkeys(SYSTEM) if Path(path).exists()]
        known = [f"--env={name}" for name in os.environ if name.startswith(("PIP_", "SSL_", "REQUESTS_"))]
        command = ["buildah", f"--root={self.place}/store", f"--runroot={self.place}/run", "--storage-driver=vfs"]
        command += ["build", "--isolation=chroot", "--layers=false", "--network=host", *mounted, *known]
        command += [f"--volume={conda}:{conda}", f"--file={self.place}/Dockerfile", "."]
        try:
            return subprocess.run(
                command, cwd=context, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
        finally:
            shutil.rmtree(self.place / "store", ignore_errors=True)


@pytest.fixture
def builder(conda_bin: Path, tmp_path: Path) -> Builder:
    """Skips where there is none, or where it may not mount."""
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    found = Builder(conda_bin, tmp_path)
    trial = found.build("RUN true")
    if trial.returncode:
        pytest.skip(f"buildah cannot build here: {trial.stdout.strip().splitlines()[-1]}")
    return found


def test_it_builds(image: Path, builder: Builder, tmp_path: Path) -> None:
    """An environment by conda, and what is installed into it afterwards; test_environments makes them whole."""
    context = tmp_path / "context"
    shutil.copytree(REPOSITORY / "workflow/envs", context / "workflow/envs")
    pins = context / f"workflow/envs/{BUILT}.yaml"
    light = re.sub(rf"^ {{6}}- (?!{LIGHT}).*\n", "", pins.read_text(), flags=re.MULTILINE)
    pins.write_text(light)
    prefix = prefixes(image)[BUILT]
    lines = [line.strip(" \\&") for line in (image / "Dockerfile").read_text().splitlines() if prefix in line]
    steps = [f"RUN {line}" if line.startswith("conda ") else line for line in lines]
    look = f"import {LIGHT}, importlib.util; print('found', importlib.util.find_spec('{BUILT}').origin)"
    done = builder.build(*steps, f'RUN {prefix}/bin/python -I -c "{look}"', context=context)
    assert done.returncode == 0, done.stdout
    assert f"found {prefix}/lib/python3.11/site-packages/{BUILT}/__init__.py" in done.stdout, done.stdout
