#!/usr/bin/env bash
# One environment, .venv, with the pins of all rules (make calls it). It goes on where it was interrupted.
# PYTHON=... names the Python 3.11 to make it from; otherwise python3 is taken, or python3.11 where that is another.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

refuse() {
    echo "error: $*" >&2
    exit 1
}

is_3_11() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null
}

# What is lacking is said before anything is installed.
if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); else candidates=(python3 python3.11); fi
for python in "${candidates[@]}"; do if is_3_11 "$python"; then break; fi; done
is_3_11 "$python" || refuse "Python 3.11 is needed and ${candidates[0]} is" \
    "$("${candidates[0]}" --version 2> /dev/null || echo "not there"):" \
    "conda create --yes --prefix ~/python3.11 python=3.11 && make PYTHON=~/python3.11/bin/python" \
    "(or uv python install 3.11 && make PYTHON=\"\$(uv python find 3.11)\")"
"$python" -m scripts.common.places
"$python" -c 'import venv, ensurepip' 2> /dev/null || refuse "$python has no module venv to make an environment with:" \
    "apt install python3.11-venv (Debian, Ubuntu), or name another Python 3.11 by make PYTHON=..."
[ "$(uname -m)" = x86_64 ] || command -v gcc > /dev/null || refuse "on $(uname -m) some packages have to be compiled," \
    "and there is no gcc: apt install gcc python3.11-dev (Debian, Ubuntu), or its like"

echo "installing the pins of workflow/envs into .venv (a minute or more)"
pip=(.venv/bin/python -m pip --disable-pip-version-check)
export PIP_COMPILE=0  # it would make bytecode on one core, which takes longer than all else
if ! is_3_11 .venv/bin/python || ! "${pip[@]}" --version > /dev/null 2>&1; then
    "$python" -m venv --clear .venv
fi
trial=$(mktemp -d)
trap 'rm -r "$trial"' EXIT
"${pip[@]}" download -qq --retries 1 --no-deps --dest "$trial" packaging || refuse "pip reaches no package index" \
    "(its own words are above): mend the network, or name a mirror by PIP_INDEX_URL=https://MIRROR/simple make"

# pip writes INSTALLER when all else of a package is there; one without would count as installed.
for half in .venv/lib/python3.11/site-packages/*.dist-info; do
    if [ -d "$half" ] && [ ! -e "$half/INSTALLER" ]; then rm -r "$half"; fi
done
sed -n 's/^ \{6\}- //p' workflow/envs/*.yaml | sort -u > .venv/pins.txt
"${pip[@]}" install -qq -r .venv/pins.txt || refuse "the pins could not be installed (pip's own words are above):" \
    "mend that, and make goes on from here"
for script in workflow/envs/*.post-deploy.sh; do
    PATH="$PWD/.venv/bin:$PATH" bash "$script" || refuse "$script failed (its own words are above):" \
        "mend that, and make goes on from here"
done
# A package may hold files that are no Python of today.
.venv/bin/python -m compileall -q -j 0 .venv/lib > /dev/null 2>&1 || true
