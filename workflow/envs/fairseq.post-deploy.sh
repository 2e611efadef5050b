#!/usr/bin/env bash
# fairseq without its dependencies (they are pinned in the .yaml beside this file): its metadata asks for torchaudio,
# which pre-training never imports. ve-fairseq republishes fairseq main for Python 3.11, hence the sha256.
set -euo pipefail
python -m pip install -qq --no-deps --require-hashes -r /dev/stdin <<'PINS'
ve-fairseq==0.12.3 --hash=sha256:5e84da7a92db08aae7f9cc3d155d4574d915fe1959dc1e041d514b6ef7bc000a
PINS
