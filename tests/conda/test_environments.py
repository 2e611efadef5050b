"""What is in the environments that Snakemake makes of workflow/envs with a real conda."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.local_conda.fixture import ENVIRONMENTS, RULES_USE, Environments, environment_of
from tests.unit.test_environments import PIN, canonical, pip_section, post_deploy_pins
from tests.workflow.test_rules import RULES, packages_of

TRAINERS = {"fairseq": ["fairseq_cli.hydra_train"], "espnet": ["espnet2", "fairseq"]}  # imported by name, or started

every_environment = pytest.mark.parametrize("name", RULES_USE)


def test_all_environments_of_rules_are_looked_at() -> None:
    assert {environment_of(rule) for rule in RULES} == set(RULES_USE)


@every_environment
def test_what_is_installed_is_what_is_pinned(name: str, environments: Environments) -> None:
    listed = python(environments.of(name), "-m", "pip", "list", "--format=json")
    installed = {canonical(package["name"]): package["version"] for package in json.loads(listed)}
    pins = pip_section(ENVIRONMENTS / f"{name}.yaml")
    script = ENVIRONMENTS / f"{name}.post-deploy.sh"
    pins += post_deploy_pins(script) if script.exists() else []
    wanted = {canonical(match["name"]): match["version"] for match in map(PIN.fullmatch, pins)}
    assert set(wanted) <= set(installed)
    assert {name: installed[name].split("+")[0] for name, version in wanted.items() if version} == {
        name: version for name, version in wanted.items() if version
    }


@every_environment
def test_what_the_steps_import_is_there(name: str, environments: Environments) -> None:
    """-I leaves out the working directory, PYTHONPATH and what the user has installed at home."""
    wanted = set(TRAINERS.get(name, []))
    for rule in (rule for rule in RULES if environment_of(rule) == name):
        wanted |= packages_of(rule)
    assert wanted
    prefix = environments.of(name)
    assert python(prefix, "-c", f"import {', '.join(sorted(wanted))}, sys; print(sys.prefix)").splitlines()[-1] == str(
        prefix
    )


def python(prefix: Path, *words: str) -> str:
    """What an environment's python prints, without the help of this one's variables."""
    call = subprocess.run([prefix / "bin/python", "-I", *words], capture_output=True, text=True)
    assert call.returncode == 0, call.stderr
    return call.stdout
