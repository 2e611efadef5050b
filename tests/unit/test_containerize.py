"""What Snakemake leaves out of the definition of an image."""

import os
from pathlib import Path

import pytest

from scripts.cluster.containerize import builder, complete

PREFIXES = {"plain": "/conda-envs/0a", "more": "/conda-envs/1b"}
HEADS = {
    "dockerfile": "FROM condaforge/miniforge3:latest\n",
    "apptainer": "Bootstrap: docker\nFrom: condaforge/miniforge3:latest\n",
}
COPIES = {"dockerfile": "COPY {source} {prefix}/environment.yaml\n", "apptainer": "%files\n    {source} {prefix}/e\n"}


def written(form: str) -> str:
    """As Snakemake 9.27 writes it below runs/image, as far as it is looked at."""
    text = HEADS[form]
    for name, prefix in PREFIXES.items():
        source = f"../../envs/{name}.yaml"
        text += f"# Conda environment:\n#   source: {source}\n#   prefix: {prefix}\n#   channels: [conda-forge]\n"
        text += COPIES[form].format(source=source, prefix=prefix)
    return text


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "envs").mkdir()
    for name in ("plain.yaml", "more.yaml", "more.post-deploy.sh"):
        (tmp_path / "envs" / name).touch()
    (tmp_path / "runs/image").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("form", HEADS)
def test_paths_begin_at_the_repository_and_the_base_has_a_version(form: str, repository: Path) -> None:
    text = complete(written(form), form, "mirror/base:1.2", repository / "runs/image", repository)
    assert "latest" not in text and "mirror/base:1.2" in text.splitlines()[form == "apptainer"]
    assert "../" not in text
    assert "envs/plain.yaml /conda-envs/0a/" in text and "envs/more.yaml /conda-envs/1b/" in text


def test_what_is_to_be_installed_afterwards_is(repository: Path) -> None:
    command = "conda run --prefix /conda-envs/1b bash /conda-envs/1b/post-deploy.sh"
    ends = {
        "dockerfile": ["COPY envs/more.post-deploy.sh /conda-envs/1b/post-deploy.sh", f"RUN {command}"],
        "apptainer": [
            "%files",
            "    envs/more.post-deploy.sh /conda-envs/1b/post-deploy.sh",
            "%post",
            f"    {command}",
        ],
    }
    for form, end in ends.items():
        lines = complete(written(form), form, "base", repository / "runs/image", repository).splitlines()
        assert lines[-len(end) :] == end
        assert sum("post-deploy" in line for line in lines) == 2  # plain has none


@pytest.mark.parametrize(
    ("installed", "program", "file"),
    [
        ([], None, None),
        (["docker", "apptainer"], "apptainer", "image.def"),
        (["singularity"], "singularity", "image.def"),
        (["docker"], "docker", "Dockerfile"),
        (["buildah", "podman"], "podman", "Dockerfile"),
    ],
)
def test_what_is_there_builds(
    installed: list[str], program: str | None, file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in installed:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    command = builder(Path("/a folder"))
    assert command is None if program is None else command[0] == program and f"/a folder/{file}" in command
