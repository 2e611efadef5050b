"""A rehearsal of a project on fake trainers: what it makes, what it says, and that it touches nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from tests.workflow.conftest import FAKES, REPOSITORY, Project, environment_of_fakes

# The fake, and what fairseq would log: nine updates a second behind the first three.
TALKATIVE = f"""#!/usr/bin/env bash
python {FAKES}/bin/fairseq-hydra-train "$@" || exit
for word in "$@"; do case $word in optimization.max_update=*) last=${{word#*=}} ;; esac; done
[ "$last" = 10 ] || echo "[2026-11-22 12:00:00,000][fairseq.trainer][INFO] - Loaded checkpoint x (epoch 1 @ 10 updates)"
for number in 1 2 3 4 5 6; do
    echo "[2026-11-22 12:00:0$number,000][train_inner][INFO] -" '{{"num_updates": "'$((last - 60 + 9 * number))'"}}'
done
"""


def rehearse(project: Project, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cluster.rehearse", "--cores", "2", "--configfile", "overlay.yaml", *words]
    env = environment_of_fakes() | {"PYTHONPATH": str(REPOSITORY)} | environment
    return subprocess.run(command, cwd=project.directory, env=env, capture_output=True, text=True)


def there(directory: Path) -> dict[Path, float]:
    """All that lies in a directory but for the rehearsal, and when it was written."""
    found = {path: path.stat().st_mtime for path in directory.rglob("*")}
    return {path: time for path, time in found.items() if path.relative_to(directory).parts[0] != "rehearsal"}


def test_a_rehearsal_says_what_fails_and_then_how_long_it_takes(fresh: Project, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/fairseq-hydra-train").write_text(TALKATIVE)
    (tmp_path / "bin/fairseq-hydra-train").chmod(0o755)
    talkative = {"PATH": os.pathsep.join([str(tmp_path / "bin"), environment_of_fakes()["PATH"]])}
    before = there(fresh.directory)

    fails = rehearse(fresh, FAKE_ESPNET_FAILS="1", **talkative)
    recipe = fresh.directory / "espnet.yaml"
    assert fails.returncode == 1
    assert (
        f"error: finetuning.aishell1 does not fit into the GPU's memory: halve batch_size in {recipe}" in fails.stderr
    )
    assert "a second job went on from update 10 to 20" in fails.stdout  # what was measured is said all the same

    run = rehearse(fresh, **talkative)
    assert run.returncode == 0, run.stdout + run.stderr
    # of several lines with one label the first: pre-training's
    facts = {line.strip().split("  ")[0]: line for line in reversed(run.stdout.splitlines())}
    assert "9 updates/s on cpu" in facts["speed"]
    assert "30 updates, 3 s of computing, 0.0 CPU hours" in facts["until the table"]
    assert "a second job went on from update 10 to 20" in run.stdout
    # 22 utterances of 12 characters of 100 ms that are not the leak, and 1 that is
    assert "mandarin, packed audio" in run.stdout and "are free" in facts["in all"]
    made = fresh.directory / "rehearsal/results"
    assert len(list(made.glob("pretrain/mandarin/after-*-updates.pt"))) == 2
    assert len(list(made.glob("finetune/aishell1/from/*/*/*/*/epochs"))) == 1
    assert len(list(made.glob("cer/aishell1/*/from/mandarin/after-20-updates/lr-0.1/seed-1.json"))) == 2
    assert there(fresh.directory) == before


def test_what_somebody_else_has_put_there_is_left_alone(fresh: Project) -> None:
    (fresh.directory / "rehearsal").mkdir()
    (fresh.directory / "rehearsal/diary.txt").write_text("mine")
    run = rehearse(fresh)
    assert run.returncode == 1 and "rehearsal is there and no rehearsal made it: move it away" in run.stderr
    assert [path.name for path in (fresh.directory / "rehearsal").iterdir()] == ["diary.txt"]
