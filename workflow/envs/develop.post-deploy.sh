#!/usr/bin/env bash
# Without its dependencies: cffconvert's bounds (jsonschema<4) cannot be resolved together with Snakemake's. Only the
# schema of CITATION.cff in it is read.
set -euo pipefail
python -m pip install -qq --no-deps cffconvert==2.0.0
