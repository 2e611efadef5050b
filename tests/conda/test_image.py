"""The image that rules run in where conda is not welcome: what Snakemake looks for in it, and that it builds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_conda.fixture import REPOSITORY, RULES_USE, lay_out_empty_corpora, snakemake

BUILT = "fairseq"  # the environment that is built: something is installed into it afterwards
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


def test_it_builds(image: Path, conda_bin: Path, tmp_path: Path) -> None:
    """One environment and what comes after it, by buildah, with this machine's files and conda instead of the base."""
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("buildah needs root, and mounts of its own")
    prefix = prefixes(image)[BUILT]
    lines = [line.strip(" \\&") for line in (image / "Dockerfile").read_text().splitlines() if prefix in line]
    steps = [f"RUN {line}" if line.startswith("conda ") else line for line in lines]
    imports = f"import {BUILT}; print('imported', {BUILT}.__file__)"
    head = ["FROM scratch", f"ENV PATH={conda_bin}:/usr/bin:/bin HOME=/root", "RUN mkdir -p /tmp /root"]
    file = tmp_path / "Dockerfile"
    file.write_text("\n".join([*head, *steps, f'RUN {prefix}/bin/python -I -c "{imports}"']) + "\n")
    mounted = [f"--volume={path}:{path}:ro" for path in dict.fromkeys(SYSTEM) if Path(path).exists()]
    mounted.append(f"--volume={conda_bin.parents[1]}:{conda_bin.parents[1]}")
    known = [f"--env={name}" for name in os.environ if name.startswith(("PIP_", "SSL_", "REQUESTS_"))]
    command = ["buildah", f"--root={tmp_path}/store", f"--runroot={tmp_path}/run", "--storage-driver=vfs", "build"]
    command += ["--isolation=chroot", "--layers=false", "--network=host", *mounted, *known, f"--file={file}"]
    try:
        done = subprocess.run(
            [*command, "."], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    finally:
        shutil.rmtree(tmp_path / "store", ignore_errors=True)  # gigabytes
    assert done.returncode == 0, done.stdout
    assert f"imported {prefix}/lib/python3.11/site-packages/{BUILT}/__init__.py" in done.stdout, done.stdout
