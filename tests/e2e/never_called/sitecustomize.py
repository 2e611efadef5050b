"""Of scipy.stats, fairseq and ESPnet import correlations and distributions. The real one takes 1.4 s to import.

It is a part of a package that is called, so that no folder here can stand for it: python runs this module as it starts.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec

import stand_in

stats = module_from_spec(ModuleSpec("scipy.stats", None))
stats.__getattr__ = stand_in.of(stats.__name__)
sys.modules[stats.__name__] = stats
