"""The tiny wav2vec 2.0 of the tests that run the real trainers."""

from tests.e2e.conftest import tiny_recipe, write_recipe

__all__ = ["tiny_recipe", "write_recipe"]
