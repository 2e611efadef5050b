#!/usr/bin/env bash
# ESPnet and fairseq without their dependencies (they are pinned in the .yaml beside this file): ESPnet's own bounds
# (setuptools<74) cannot be resolved together with this torch, and fairseq's ask for packages that are never imported.
# ve-fairseq republishes fairseq main for Python 3.11, hence the sha256.
set -euo pipefail
python -m pip install -qq --no-deps espnet==202511 espnet_tts_frontend==0.0.4 torchaudio==2.11.0
python -m pip install -qq --no-deps --require-hashes -r /dev/stdin <<'PINS'
ve-fairseq==0.12.3 --hash=sha256:5e84da7a92db08aae7f9cc3d155d4574d915fe1959dc1e041d514b6ef7bc000a
PINS
