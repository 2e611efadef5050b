"""One image with the environments of all rules, for clusters that forbid conda's many small files.

Snakemake writes what an image is made from (--containerize) but leaves out the scripts that it runs once an environment
is there (snakemake#1827), which install fairseq and ESPnet. They are added, and the base image gets a version.
FOLDER then holds Dockerfile, image.def (Apptainer's) and a Snakefile that runs every rule in image.sif beside it, which
is built where Apptainer is installed. docs/containers.md says how to go on.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.common import files
from scripts.common.errors import StepError, exit_on_error
from scripts.common.provenance import REPOSITORY

BASE = "condaforge/miniforge3:25.3.0-1"
IMAGE = "mandarin-wav2vec2"  # its name in the store of Docker and the like
NAMES = {"dockerfile": "Dockerfile", "apptainer": "image.def"}
ENVIRONMENT = re.compile(r"^# {3}source: (?P<source>.+)\n# {3}prefix: (?P<prefix>.+)$", re.MULTILINE)
AFTERWARDS = {
    "dockerfile": "COPY {script} {prefix}/post-deploy.sh\nRUN {command}\n",
    "apptainer": "%files\n    {script} {prefix}/post-deploy.sh\n%post\n    {command}\n",
}


def written_by_snakemake(form: str, folder: Path) -> str:
    """Snakemake's definition of an image; `form` is its word for the format. Paths in it begin at `folder`."""
    if not shutil.which("conda"):
        raise StepError("conda has to be on PATH: Snakemake asks it for the platform")
    for root in ("AISHELL-2/iOS/data", "data_aishell"):  # a plan needs places to look for corpora, though not corpora
        (folder / "corpora" / root).mkdir(parents=True, exist_ok=True)
    call = [sys.executable, "-m", "snakemake", "results/config.yaml", "--containerize", form]
    call += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        raise StepError(f"snakemake --containerize ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def complete(definition: str, form: str, base: str, folder: Path, repository: Path = REPOSITORY) -> str:
    """The definition with `base` as its first layer, paths from the repository on, and all that is to be installed."""
    definition = re.sub(r"^(FROM |From: ).*$", rf"\g<1>{base}", definition, count=1, flags=re.MULTILINE)
    afterwards = ""
    for found in ENVIRONMENT.finditer(definition):
        file = (folder / found["source"]).resolve().relative_to(repository)
        definition = definition.replace(found["source"], str(file))
        script = file.with_suffix(".post-deploy.sh")
        if (repository / script).exists():
            command = "conda run --prefix {0} bash {0}/post-deploy.sh".format(found["prefix"])
            afterwards += AFTERWARDS[form].format(script=script, prefix=found["prefix"], command=command)
    return definition.rstrip() + "\n\n" + afterwards


def write(folder: Path, base: str) -> None:
    """Both definitions, and the Snakefile that uses what is built from either."""
    for form, name in NAMES.items():
        files.write_text(folder / name, complete(written_by_snakemake(form, folder), form, base, folder))
    lines = [f"containerized: {str(folder / 'image.sif')!r}", f"include: {str(REPOSITORY / 'Snakefile')!r}"]
    files.write_text(folder / "Snakefile", "\n".join(lines) + "\n")


def builder(folder: Path) -> list[str] | None:
    """The command that builds an image with what is installed here, None where nothing is. It is called in the
    repository, where the paths of the definitions begin.
    """
    for program in ("apptainer", "singularity"):
        if shutil.which(program):
            return [program, "build", "--force", str(folder / "image.sif"), str(folder / "image.def")]
    for program in ("podman", "docker", "buildah"):
        if shutil.which(program):
            return [program, "build", "--tag", IMAGE, "--file", str(folder / "Dockerfile"), "."]
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--base", default=BASE, metavar="IMAGE", help=f"an image with conda (default: {BASE})")
    parser.add_argument("--only-write", action="store_true", help="write the definitions, and build nothing")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    write(folder, arguments.base)
    command = None if arguments.only_write else builder(folder)
    if command is None:
        print(f"written, but not built: {folder}/Dockerfile and {folder}/image.def; build either in the repository")
    elif subprocess.run(command, cwd=REPOSITORY).returncode:
        raise StepError(f"{command[0]} could not build the image (its words are above): mend that, or build elsewhere")


if __name__ == "__main__":
    exit_on_error(main)
