"""One source of pins: what conda deploys is what `make` installs."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "workflow" / "envs"
FILES = sorted(ENVIRONMENTS.glob("*.yaml"))
SCRIPTS = sorted(ENVIRONMENTS.glob("*.post-deploy.sh"))

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[a-z,]+\])?"
PIN = re.compile(rf"(?P<name>{NAME})(?:==(?P<version>[0-9][A-Za-z0-9.]*))?")


def pip_section(file: Path) -> list[str]:
    """The pins of an environment, by a YAML parser."""
    (inner,) = [item for item in yaml.safe_load(file.read_text())["dependencies"] if isinstance(item, dict)]
    assert list(inner) == ["pip"]
    return inner["pip"]


def canonical(name: str) -> str:
    """As package indexes compare names (PEP 503), without extras."""
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


def post_deploy_pins(script: Path) -> list[str]:
    """Every word of a post-deploy script that holds ==."""
    lines = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [word for line in lines for word in line.split() if "==" in word]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_python_and_pip_come_from_conda(file: Path) -> None:
    environment = yaml.safe_load(file.read_text())
    assert set(environment) == {"channels", "dependencies"}
    assert environment["channels"] == ["conda-forge"]
    assert [item for item in environment["dependencies"] if isinstance(item, str)] == ["python=3.11", "pip"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_rest_is_pinned_exactly_or_left_open(file: Path) -> None:
    pins = pip_section(file)
    assert pins
    assert [pin for pin in pins if not PIN.fullmatch(pin)] == []
    names = [canonical(PIN.fullmatch(pin)["name"]) for pin in pins]
    assert sorted(set(names)) == sorted(names)


def test_a_package_has_one_version_everywhere() -> None:
    versions = defaultdict(lambda: defaultdict(list))
    for file, pins in [*((f, pip_section(f)) for f in FILES), *((s, post_deploy_pins(s)) for s in SCRIPTS)]:
        for pin in pins:
            match = PIN.fullmatch(pin)
            versions[canonical(match["name"])][match["version"]].append(file.name)
    assert {name: dict(found) for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.skipif(shutil.which("sed") is None, reason="sed is not installed")
def test_sed_finds_the_pins_that_a_yaml_parser_finds() -> None:
    """install.sh has no YAML parser before it has made an environment."""
    for file in FILES:
        found = subprocess.run(["sed", "-n", r"s/^ \{6\}- //p", file], capture_output=True, text=True, check=True)
        assert found.stdout.splitlines() == pip_section(file), file.name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_post_deploy_scripts(script: Path) -> None:
    assert script.with_name(script.name.replace(".post-deploy.sh", ".yaml")).exists()
    text = script.read_text()
    assert "set -euo pipefail" in text
    installs = [line for line in text.splitlines() if " pip install " in line]
    assert installs
    for line in installs:
        assert "--no-deps" in line
        words = [word for word in line.split(" pip install ")[1].split() if not word.startswith(("-", "<", "/"))]
        assert all(PIN.fullmatch(word) and "==" in word for word in words), line
    assert [pin for pin in post_deploy_pins(script) if not PIN.fullmatch(pin)] == []
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_fairseq_is_pinned_by_sha256_and_the_same_everywhere() -> None:
    """It is republished by somebody else than its authors."""
    lines = [line for s in SCRIPTS for line in s.read_text().splitlines() if line.startswith("ve-fairseq")]
    assert len(lines) == 2  # for pre-training, and for fine-tuning
    assert len(set(lines)) == 1
    assert re.fullmatch(r"ve-fairseq==[\d.]+ --hash=sha256:[0-9a-f]{64}", lines[0])
    assert all("--require-hashes" in s.read_text() for s in SCRIPTS if "ve-fairseq==" in s.read_text())
