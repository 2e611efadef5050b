"""Where the repository, the working directory and the corpora may lie: at any path, but for a few characters.

python3 -m scripts.common.places   says whether this folder may be the repository (make, before it installs anything)
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from scripts.common.errors import StepError, exit_on_error

# Spaces, ', #, commas, = and letters of any script are taken. What is not: " $ ` and backslashes mean something to the
# shell that sbatch wraps a job in, braces are Snakemake's wildcards, brackets, * and ? patterns, % begins a field in
# SLURM's names of logs, a colon ends a path in PATH and in fairseq's manifests, and a new line ends one in lists.
REFUSED = frozenset('"$`\\{}[]*?%:')


def check(places: Mapping[str, str | Path]) -> None:
    """Raise StepError for the first of the places, each under what it is called, whose path cannot be taken."""
    for name, path in places.items():
        for character in str(path):
            if character in REFUSED or not character.isprintable():
                shown = character if character.isprintable() else repr(character)
                raise StepError(f"{name} has {shown} in its path, {str(path)!r}: rename or move it")


def check_environments(prefix: str | Path) -> None:
    """Raise StepError for a folder of conda environments that Snakemake could not activate: it quotes it with '."""
    if "'" in str(prefix):
        raise StepError(f"no conda environment can be activated in {prefix}, which has ' in it: say --conda-prefix")


def check_python(executable: str) -> None:
    """Raise StepError for a python that Snakemake could not start on a node: it hands its path to a shell unquoted."""
    if shlex.quote(executable) != executable:
        environment = Path(executable).parents[1]
        raise StepError(
            f"Snakemake cannot start {executable} on nodes, as a shell takes its path apart: make a link to "
            f"{environment} under a path of letters and digits, and start Snakemake by LINK/bin/python -m snakemake"
        )


if __name__ == "__main__":
    exit_on_error(lambda: check({"the repository": Path.cwd()}))
