"""make .venv/.complete on machines that lack something: a sentence with the command that mends it, before pip runs.

Every program on PATH is a stand-in or one of the system's; pip's work is only noted.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.places import AWKWARD, copy_repository

TOOLS = ["bash", "sh", "make", "sed", "sort", "dirname", "mktemp", "mkdir", "rm", "touch", "uname", "cp", "cat", "ls"]
for needed in TOOLS:
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed", allow_module_level=True)

# A python of some version: its answers to what is asked of it, a copy of itself for venv, a note in a log for pip. It
# has all but what LACKS names; a file PIP_DIES has pip killed once in the middle of a package.
PYTHON = f"""#!{shutil.which("bash")}
log() {{ echo "$*" >> "$LOG"; }}
pip() {{
    log "pip $*"
    case "$*" in
        *--version*) ;;
        *download*) [ "$LACKS" != network ] || {{ echo "ConnectionError: no route"; exit 1; }} ;;
        *install*)
            packages=.venv/lib/python3.11/site-packages
            mkdir -p $packages/whole-1.dist-info && touch $packages/whole-1.dist-info/INSTALLER
            [ ! -e "$PIP_DIES" ] || {{ rm "$PIP_DIES"; mkdir -p $packages/half-1.dist-info; kill -9 $$; }}
            log "packages: $(ls $packages)" ;;
    esac
}}
case "$1 $2" in
    "--version ") echo "Python VERSION" ;;
    "-c import sys"*) [[ VERSION == 3.11.* ]] ;;
    "-c import venv"*) [ "$LACKS" != venv ] ;;
    "-m scripts.common.places") exec "{sys.executable}" "$@" ;;
    "-m venv") log "$*"; rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    "-m pip") shift 2; pip "$@" ;;
    "-m compileall") ;;
    *) echo "no stand-in for $*"; exit 2 ;;
esac
"""


@dataclass
class Machine:
    """A copy of the repository, and the programs on a PATH of its own."""

    repository: Path
    programs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def python(self, name: str, version: str) -> Path:
        """Put a python there."""
        return self.program(name, PYTHON.replace("VERSION", version))

    def program(self, name: str, text: str) -> Path:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.programs), "LOG": str(self.log), "LACKS": "", "PIP_DIES": ""} | environment
        command = ["make", ".venv/.complete", *words]
        return subprocess.run(command, cwd=self.repository, env=environment, capture_output=True, text=True)

    @property
    def log(self) -> Path:
        return self.programs.parent / "log"

    def done(self) -> list[str]:
        """What venv and pip were asked to do, in order."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def installed(self) -> bool:
        return (self.repository / ".venv/.complete").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has everything, at a place with an awkward name."""
    programs = tmp_path / AWKWARD / "bin"
    programs.mkdir(parents=True)
    for name in TOOLS:
        (programs / name).symlink_to(str(shutil.which(name)))
    found = Machine(copy_repository(tmp_path / AWKWARD), programs)
    found.python("python3", "3.11.9")
    found.program("uname", "#!/bin/sh\necho x86_64\n")
    return found


def refusal(call: subprocess.CompletedProcess[str], machine: Machine) -> str:
    """The one sentence that is said; nothing has been installed."""
    assert call.returncode != 0 and not machine.installed()
    assert not [line for line in machine.done() if " install " in line]
    (sentence,) = [line for line in call.stderr.splitlines() if line.startswith("error: ")]
    return sentence


def test_what_is_installed_are_the_pins_and_what_comes_after(machine: Machine) -> None:
    call = machine.make()
    assert call.returncode == 0 and machine.installed(), call.stderr
    made, *asked = machine.done()
    assert made == "-m venv --clear .venv"
    installs = [line for line in asked if line.startswith("pip ") and " install " in line]
    assert "-r .venv/pins.txt" in installs[0] and all("--no-deps" in line for line in installs[1:]) and installs[1:]
    pins = (machine.repository / ".venv/pins.txt").read_text(encoding="utf-8").split()
    assert "torch==2.13.0" in pins and len(set(pins)) == len(pins) > 40


@pytest.mark.parametrize("version", ["3.12.3", "3.10.1", "2.7.18"])
def test_another_python(machine: Machine, version: str) -> None:
    machine.python("python3", version)
    said = refusal(machine.make(), machine)
    assert said.startswith(f"error: Python 3.11 is needed and python3 is Python {version}: conda create ")
    assert "&& make PYTHON=~/python3.11/bin/python" in said


def test_no_python(machine: Machine) -> None:
    (machine.programs / "python3").unlink()
    assert "python3 is not there: conda create " in refusal(machine.make(), machine)


def test_python3_11_beside_another_one_is_taken(machine: Machine) -> None:
    machine.python("python3", "3.13.0")
    machine.python("python3.11", "3.11.2")
    call = machine.make()
    assert call.returncode == 0 and machine.installed(), call.stderr
    assert "3.11.2" in (machine.repository / ".venv/bin/python").read_text(encoding="utf-8")


def test_the_python_that_is_named_is_taken_or_refused(machine: Machine) -> None:
    machine.python("python3.11", "3.11.2")
    other, good = machine.python("other", "3.12.0"), machine.python("good", "3.11.5")
    assert f"{other} is Python 3.12.0: " in refusal(machine.make(f"PYTHON={other}"), machine)
    assert machine.make(f"PYTHON={good}").returncode == 0
    assert "3.11.5" in (machine.repository / ".venv/bin/python").read_text(encoding="utf-8")


def test_no_venv_module(machine: Machine) -> None:
    said = refusal(machine.make(LACKS="venv"), machine)
    assert said.startswith("error: python3 has no module venv") and "apt install python3.11-venv" in said


def test_no_network(machine: Machine) -> None:
    call = machine.make(LACKS="network")
    assert "no route" in call.stdout + call.stderr
    said = refusal(call, machine)
    assert said.startswith("error: pip reaches no package index") and "PIP_INDEX_URL=https://MIRROR/simple make" in said
    assert machine.make().returncode == 0 and machine.installed()


def test_a_compiler_is_asked_for_only_where_packages_are_compiled(machine: Machine) -> None:
    machine.program("uname", "#!/bin/sh\necho aarch64\n")
    said = refusal(machine.make(), machine)
    assert "on aarch64 some packages have to be compiled" in said and "apt install gcc" in said
    machine.program("gcc", "#!/bin/sh\n")
    assert machine.make().returncode == 0 and machine.installed()


@pytest.mark.parametrize("character", ['"', "$", ":", "%", "{", "[", "\\"])
def test_a_place_that_cannot_be_taken(machine: Machine, character: str) -> None:
    machine.repository = machine.repository.rename(machine.repository.with_name(f"a{character}b"))
    assert f"error: the repository has {character} in its path" in refusal(machine.make(), machine)
    assert machine.done() == []


def test_an_installation_that_was_interrupted_goes_on(machine: Machine, tmp_path: Path) -> None:
    dies = tmp_path / "dies"
    dies.touch()
    call = machine.make(PIP_DIES=str(dies))
    assert call.returncode != 0 and not machine.installed() and not dies.exists()
    assert (machine.repository / ".venv/lib/python3.11/site-packages/half-1.dist-info").is_dir()
    call = machine.make()
    assert call.returncode == 0 and machine.installed(), call.stderr
    assert [line for line in machine.done() if line.startswith("-m venv")] == ["-m venv --clear .venv"]
    assert machine.done()[-1] == "packages: whole-1.dist-info", "what is half there would count as installed"


def test_an_environment_of_another_python_is_made_anew(machine: Machine) -> None:
    assert machine.make().returncode == 0
    (machine.repository / ".venv/.complete").unlink()
    shutil.copy(machine.python("other", "3.12.0"), machine.repository / ".venv/bin/python")
    assert machine.make().returncode == 0
    assert "3.11.9" in (machine.repository / ".venv/bin/python").read_text(encoding="utf-8")


def test_the_real_python_here_is_what_is_asked_for(machine: Machine) -> None:
    """The questions that the stand-ins answer are answered so by a real one, too."""
    asked = {
        line.split(" -c ")[1].split("'")[1]
        for line in (machine.repository / "workflow/envs/install.sh").read_text(encoding="utf-8").splitlines()
        if " -c '" in line
    }
    assert len(asked) == 2
    for code in asked:
        assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0, code
