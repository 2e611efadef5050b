"""A real conda, and every rule's environment made by it."""

from tests.local_conda.fixture import conda_bin, conda_directory, conda_prefix, environments

__all__ = ["conda_bin", "conda_directory", "conda_prefix", "environments"]
