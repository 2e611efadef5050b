"""What the command of every rule starts with."""

import os
import shlex

# Snakemake goes on where it could not activate a rule's conda environment, on whatever python comes next on PATH. bash
# knows the whole command, which begins with `source .../activate` where there is one to activate; $? is what that left.
ACTIVATED = (
    "activated=$?; if [[ $BASH_EXECUTION_STRING == source\\ *activate* ]] && [[ $activated != 0 || -z $CONDA_PREFIX"
    ' || $(command -v python) != "$CONDA_PREFIX/bin/python" ]]; then'
    ' echo "error: the conda environment of this rule is not active: delete it (--conda-prefix, or .snakemake/conda)'
    ' and let Snakemake create it again" >&2; exit 1; fi; '
)

# Steps are modules of the repository, run from the working directory; a step that fails fails its pipe. Packages of the
# user's home directory stay out: python would look there before it looks into its environment.
shell.prefix(
    f"{ACTIVATED}set -euo pipefail; " f"export PYTHONNOUSERSITE=1 PYTHONPATH={shlex.quote(workflow.basedir)}; "
)

# pip, as it makes an environment, would take a package of ~/.local for installed and leave it out.
os.environ.update(PIP_IGNORE_INSTALLED="1")
