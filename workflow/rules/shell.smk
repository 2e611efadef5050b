"""What the command of every rule starts with."""

import os
import shlex

from snakemake.settings.types import DeploymentMethod

# Snakemake goes on where it could not activate a rule's conda environment, on whatever python comes next on PATH.
# $? is what activating left.
ACTIVATED = (
    'if [ $? != 0 ] || [ -z "$CONDA_PREFIX" ] || [ "$(command -v python)" != "$CONDA_PREFIX/bin/python" ]; then'
    ' echo "error: the conda environment of this rule is not active: delete it (--conda-prefix, or .snakemake/conda)'
    ' and let Snakemake create it again" >&2; exit 1; fi; '
)
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method

# Steps are modules of the repository, run from the working directory; a step that fails fails its pipe. Packages of the
# user's home directory stay out: python would look there before it looks into its environment.
shell.prefix(
    f"{ACTIVATED if CONDA else ''}set -euo pipefail; "
    f"export PYTHONNOUSERSITE=1 PYTHONPATH={shlex.quote(workflow.basedir)}; "
)

# pip, as it makes an environment, would take a package of ~/.local for installed and leave it out.
os.environ.update(PIP_IGNORE_INSTALLED="1")
