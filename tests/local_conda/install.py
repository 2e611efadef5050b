"""Find conda, or install conda 24.7.1 (the oldest that Snakemake 9.27 takes) from PyPI.

conda itself is not on PyPI; the wheel of conda-lock 4.0.3 vendors it. It is taken out, its imports are renamed, and it
is given the shell files that conda brings and the wheel lacks, as far as `conda activate` and conda's pip step go.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.local_conda.channel import make_channel

OLDEST = (24, 7, 1)
PATIENCE = 120  # seconds until the system's conda has to have found conda-forge
PIP = "pip==26.3"
CONDA_LOCK = "conda-lock==4.0.3 --hash=sha256:c8b0719832a2a971feffebe702bb7ce6265494d610ca9d8813a6c12a26f9ae52"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

# As conda's own files say it, without prompts, completion and other shells.
CONDA_SH = """
conda() {
    case "$1" in
        activate|deactivate)
            local asked
            asked="$("$CONDA_EXE" shell.posix "$@")" || return
            eval "$asked"
            hash -r ;;
        *) "$CONDA_EXE" "$@" ;;
    esac
}
"""
ACTIVATE = """
. "{root}/etc/profile.d/conda.sh" || return $?
conda activate "$@"
"""
CONDA = """#!/bin/sh
CONDARC="{root}/.condarc" exec "{root}/bin/python" -I -m conda "$@"
"""
CONDARC = """
channels: [conda-forge]
default_channels: []
custom_channels:
  conda-forge: "file://{directory}/channels"
channel_priority: strict
solver: classic
sat_solver: pysat
offline: true
number_channel_notices: 0
notify_outdated_conda: false
register_envs: false
pkgs_dirs: ["{root}/pkgs"]
"""


class Unavailable(Exception):
    """Why this machine can have no conda; a reason to skip tests."""


def provide(directory: Path) -> Path:
    """The directory in which a program `conda` lies that can create environments from conda-forge or its stand-in.

    The conda on PATH is taken if it finds conda-forge. Else conda is installed into `directory`, unless it was before.

    Raises Unavailable where neither is possible.
    """
    program = shutil.which("conda")
    if program and reaches_conda_forge(program):
        return Path(program).parent
    directory = directory.resolve()
    mark, recipe = directory / "finished", recipe_digest(directory)
    if not mark.exists() or mark.read_text() != recipe:
        install(directory)
        mark.write_text(recipe)
    return directory / "root" / "condabin"


def reaches_conda_forge(program: str) -> bool:
    """Whether a conda is new enough and finds a package on conda-forge."""
    try:
        told = json.loads(output(program, "info", "--json"))
        if tuple(map(int, told["conda_version"].split(".")[:3])) < OLDEST:
            return False
        output(program, "search", "--override-channels", "--channel", "conda-forge", "pip")
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return False
    return True


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout


def recipe_digest(directory: Path) -> str:
    """Of everything that decides an installation: its place (which stands in its files), interpreter and this code."""
    code = [Path(file).read_bytes() for file in (__file__, make_channel.__code__.co_filename, REQUIREMENTS)]
    parts = [os.fsencode(directory), sys.base_prefix.encode(), sys.version.encode(), *code]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install(directory: Path) -> None:
    """conda in DIRECTORY/root and its channel in DIRECTORY/channels/conda-forge; what was there is replaced."""
    if (
        sys.version_info[:2] != (3, 11)
        or platform.machine() != "x86_64"
        or "deb_system" in sysconfig.get_scheme_names()
    ):
        raise Unavailable("no conda: one can be made of a Python 3.11 for x86_64 that is not Debian's own package")
    for part in ("root", "channels"):
        shutil.rmtree(directory / part, ignore_errors=True)
    root = directory / "root"
    subprocess.run([sys.executable, "-m", "venv", root], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        try:
            pip(root, "download", "--no-deps", "--dest", str(scratch), PIP)
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"no conda: PyPI cannot be reached ({error.stderr.strip().splitlines()[-1]})") from None
        (scratch / "conda.txt").write_text(CONDA_LOCK)
        pip(root, "install", "--no-deps", "--requirement", str(REQUIREMENTS))
        pip(root, "install", "--no-deps", "--require-hashes", "--requirement", str(scratch / "conda.txt"))
        (wheel,) = scratch.glob("pip-*.whl")
        make_channel(directory / "channels/conda-forge", wheel, root / "bin/patchelf", scratch)
    (site,) = (root / "lib").glob("python3.*/site-packages")
    take_out_conda(site)
    write_shell_files(root, site)
    (root / ".condarc").write_text(CONDARC.format(root=root, directory=directory))
    output(root / "condabin/conda", "info")


def pip(root: Path, *words: str) -> None:
    subprocess.run([root / "bin/python", "-I", "-m", "pip", *words, "-q"], check=True, capture_output=True, text=True)


def take_out_conda(site: Path) -> None:
    """Move conda out of conda-lock, and remove the rest: conda would load it as a plugin."""
    shutil.move(site / "conda_lock/_vendor/conda", site / "conda")
    for module in (site / "conda").rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        module.write_text(text.replace("conda_lock._vendor.conda", "conda"), encoding="utf-8")
    for left in site.glob("conda_lock*"):
        shutil.rmtree(left)


def write_shell_files(root: Path, site: Path) -> None:
    """bin/conda (alone in condabin, too: to put on a PATH without this python), bin/activate and the shell function."""
    for profile, exported in ((site / "conda/shell", ""), (root, f'export CONDA_EXE="{root}/bin/conda"')):
        (profile / "etc/profile.d").mkdir(parents=True)
        (profile / "etc/profile.d/conda.sh").write_text(exported + CONDA_SH)
    (root / "bin/activate").write_text(ACTIVATE.format(root=root))
    (root / "bin/conda").write_text(CONDA.format(root=root))
    (root / "bin/conda").chmod(0o755)
    (root / "condabin").mkdir()
    (root / "condabin/conda").symlink_to("../bin/conda")
