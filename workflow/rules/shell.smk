"""What the command of every rule starts with."""

import os
import shlex
from pathlib import Path

# Snakemake goes on where it could not activate a rule's conda environment, on whatever python comes next on PATH. bash
# knows the whole command, which begins with `source .../activate` where there is one to activate; $? is what that left.
ACTIVATED = (
    "activated=$?; if [[ $BASH_EXECUTION_STRING == source\\ *activate* ]] && [[ $activated != 0 || -z $CONDA_PREFIX"
    ' || $(command -v python) != "$CONDA_PREFIX/bin/python" ]]; then'
    ' echo "error: the conda environment of this rule is not active: delete it (--conda-prefix, or .snakemake/conda)'
    ' and let Snakemake create it again" >&2; exit 1; fi; '
)

# The same table on every x86 processor since 2013: PyTorch, oneDNN and MKL choose their kernels by processor, and a
# training amplifies the last bit. The node that runs the step decides, for the one that plans it may be another; what
# the user has set stays, even where it is empty. (No braces: Snakemake would format them.)
SAME_KERNELS = (
    "if grep -qsE '^flags.* avx2( |$)' /proc/cpuinfo; then"
    " [ -v ATEN_CPU_CAPABILITY ] || export ATEN_CPU_CAPABILITY=avx2;"
    " [ -v ONEDNN_MAX_CPU_ISA ] || export ONEDNN_MAX_CPU_ISA=AVX2;"
    " [ -v MKL_CBWR ] || export MKL_CBWR=COMPATIBLE; fi; "
)

# For steps that train: SLURM's SIGTERM goes to every process of a job. They shall hear it and save, and bash and tee go
# on.
STEP_ALONE_HEARS_SIGTERM = "step_alone_hears_sigterm() {{ trap '' TERM; }}; "  # double braces: Snakemake formats it


class shell(shell):
    """Snakemake's, with a prefix of its own: whoever imports these rules keeps theirs for their rules, and does not get
    this one.
    """


# Steps are modules of the repository, run from the working directory; a step that fails fails its pipe. Packages of the
# user's home directory stay out: python would look there before it looks into its environment.
shell.prefix(
    f"{ACTIVATED}set -euo pipefail; "
    f"export PYTHONNOUSERSITE=1 PYTHONPATH={shlex.quote(str(REPOSITORY))}; {SAME_KERNELS}"
    f"{STEP_ALONE_HEARS_SIGTERM}"
)

# Activated by a word in quotes, which one in the path would end.
if "CONDA" in {method.name for method in workflow.deployment_settings.deployment_method}:
    environments = workflow.deployment_settings.conda_prefix or Path.cwd() / ".snakemake" / "conda"
    errors.exit_on_error(lambda: places.check_environments(environments))

# pip, as it makes an environment, would take a package of ~/.local for installed and leave it out. (It would do without
# what conda has installed, too: not for the environments of whoever imports these rules.)
if Path(workflow.basedir) == REPOSITORY:
    os.environ.update(PIP_IGNORE_INSTALLED="1")
