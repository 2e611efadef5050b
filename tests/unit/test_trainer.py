"""Starting somebody else's trainer."""

import os
import sys
from pathlib import Path

import pytest

from scripts.common import trainer
from scripts.common.errors import StepError


def script(folder: Path, source: str) -> list[str]:
    (folder / "trainer.py").write_text(source, encoding="utf-8")
    return [sys.executable, str(folder / "trainer.py")]


def test_everything_said_is_appended_to_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "work" / "train.log"
    command = script(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    trainer.run(command, log)
    trainer.run(command, log)
    assert log.read_text() == "out\nerr\nout\nerr\n"
    assert capfd.readouterr() == ("", "")


def test_a_trainer_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "train.log"
    command = script(tmp_path, "for i in range(100): print('line', i)\nraise SystemExit(3)")
    with pytest.raises(StepError) as caught:
        trainer.run(command, log)
    name = Path(sys.executable).name
    assert str(caught.value) == f"{name} ended with exit code 3: see its last lines above, all in {log}"
    assert capfd.readouterr().out == "".join(f"line {i}\n" for i in range(85, 100))
    assert len(log.read_text().splitlines()) == 100


def test_a_trainer_that_is_killed_amid_bytes_that_are_no_text(tmp_path: Path, capfd) -> None:
    source = "import os, sys; sys.stdout.buffer.write(b'\\xff\\xfe end'); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    with pytest.raises(StepError, match="ended with exit code -9: see its last lines above"):
        trainer.run(script(tmp_path, source), tmp_path / "train.log")
    assert capfd.readouterr().out.endswith(" end\n")


def test_a_trainer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StepError) as caught:
        trainer.run(["no-such-trainer", "--help"], tmp_path / "train.log")
    assert str(caught.value) == "no-such-trainer is not installed in this environment: see workflow/envs"


def test_environment_of_a_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    source = "import os; print([os.environ[k] for k in ('PYTHONPATH', 'OMP_NUM_THREADS')]); import scripts.common"
    trainer.run(script(tmp_path, source), tmp_path / "train.log")
    paths = os.pathsep.join([str(trainer.REPOSITORY), "/elsewhere"])
    assert (tmp_path / "train.log").read_text() == f"{[paths, '1']}\n"
    monkeypatch.delenv("PYTHONPATH")
    assert trainer.environment()["PYTHONPATH"] == str(trainer.REPOSITORY)
