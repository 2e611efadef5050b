"""The variables by which the workflow chooses the kernels of PyTorch's libraries, from the one place that sets them."""

import ast
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

SHELL = Path(__file__).resolve().parents[1] / "workflow" / "rules" / "shell.smk"


def words(name: str = "SAME_KERNELS") -> str:
    """A part of the bash that every command of the workflow starts with; by default what sets these variables."""
    (value,) = (
        node.value
        for node in ast.parse(SHELL.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return ast.literal_eval(value)


def names() -> list[str]:
    """The variables that it may set."""
    return re.findall(r"export (\w+)=", words())


def with_same_kernels(environment: Mapping[str, str], cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """An environment as a step's process sees it; `cpuinfo` stands in for the machine's."""
    script = f"set -euo pipefail; {words().replace('/proc/cpuinfo', str(cpuinfo))}env -0"
    call = ["bash", "-c", script]
    done = subprocess.run(call, env=dict(environment), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    seen = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {**environment, **{name: seen[name] for name in names() if name in seen}}
