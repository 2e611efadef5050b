"""SIGTERM while Snakemake holds the lock that its handler waits for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import REPOSITORY

WORKFLOW = """
include: {rules!r}

import os, signal

rule all:
    input: "below"

checkpoint first:
    output: "first"
    shell: "touch {{output}}"

def from_first(wildcards):
    found = checkpoints.first.get().output[0]  # from here on this is called where a checkpoint has just ended
    os.kill(os.getpid(), signal.SIGTERM)
    return found

rule below:
    input: from_first
    output: "below"
    shell: "touch {{output}}"
"""


@pytest.mark.parametrize(
    "rules", ["nothing.smk", REPOSITORY / "workflow/rules/sigterm.smk"], ids=["alone", "with ours"]
)
def test_a_sigterm_beside_a_checkpoint(rules: str | Path, tmp_path: Path) -> None:
    """Snakemake ends. Where it does so alone, ours is not needed any more."""
    (tmp_path / "nothing.smk").touch()
    (tmp_path / "Snakefile").write_text(WORKFLOW.format(rules=str(rules)), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", str(tmp_path)]
    run = subprocess.Popen([*command, "--snakefile", str(tmp_path / "Snakefile")], stderr=subprocess.PIPE, text=True)
    try:
        _, said = run.communicate(timeout=60 if "sigterm" in str(rules) else 10)
        assert "sigterm" in str(rules), "Snakemake has been mended: take workflow/rules/sigterm.smk away"
        assert run.returncode == 1 and "Will exit after finishing currently running jobs" in said, said
    except subprocess.TimeoutExpired:
        assert "sigterm" not in str(rules)
    finally:
        run.kill()
        run.wait()
