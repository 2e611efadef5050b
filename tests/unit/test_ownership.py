"""One trainer at a time for one output."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.common.provenance import REPOSITORY
from scripts.trainers import slurm
from scripts.trainers.ownership import Busy, Owner, history, owned, owners_of


@pytest.fixture(autouse=True)
def _outside_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "after-10-updates.pt"


def write_owner(output: Path, **changes: object) -> Path:
    """A record that nobody has released; by default of a process that ended."""
    facts = {"job": None, "host": socket.gethostname(), "pid": 1, "started": "other boot 1", "since": "then", "gpus": 8}
    record = owners_of(output) / "0001.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(facts | changes), encoding="utf-8")
    return record


def numbers(output: Path) -> list[str]:
    return [record.name for record in history(owners_of(output))]


def test_it_lies_where_work_lies(output: Path) -> None:
    assert owners_of(output) == output.parent / "work" / "after-10-updates.owners"


def test_the_history_grows_and_drafts_go(output: Path) -> None:
    for gpus in (8, 4):
        with owned(output, gpus) as claim:
            assert not claim.is_lost()
            owner = Owner(**json.loads(claim.record.read_text()))
            assert (owner.pid, owner.host, owner.gpus) == (os.getpid(), socket.gethostname(), gpus)
    files = sorted(path.name for path in owners_of(output).iterdir())
    assert files == ["0001.json", "0001.released", "0002.json", "0002.released"]


def test_it_is_released_when_the_work_fails(output: Path) -> None:
    with pytest.raises(ZeroDivisionError), owned(output, 0):
        1 / 0  # noqa: B018
    with owned(output, 0):
        pass


def test_a_second_is_refused_while_the_first_is_alive(output: Path) -> None:
    with owned(output, 0), pytest.raises(Busy) as caught, owned(output, 0):
        pass
    sentence = str(caught.value)
    assert sentence.startswith(f"{output.with_suffix('')} is being made by process {os.getpid()} on")
    assert str(owners_of(output) / "0001.released") in sentence
    assert numbers(output) == ["0001.json"]


def test_a_process_that_was_killed_is_succeeded(output: Path) -> None:
    code = "import os, sys; from pathlib import Path; from scripts.trainers import ownership\n"
    code += "with ownership.owned(Path(sys.argv[1]), 0): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(output)], cwd=REPOSITORY)
    with owned(output, 0):
        assert numbers(output) == ["0001.json", "0002.json"]


def test_another_process_of_the_same_number_is_not_the_owner(output: Path) -> None:
    write_owner(output, pid=os.getpid(), started="other boot 1")
    with owned(output, 0):
        assert numbers(output) == ["0001.json", "0002.json"]


def test_a_process_elsewhere_counts_as_alive(output: Path) -> None:
    write_owner(output, host="elsewhere")
    with pytest.raises(Busy, match="process 1 on elsewhere since then"), owned(output, 0):
        pass


@pytest.mark.parametrize("alive", [True, False])
def test_a_job_elsewhere_is_as_alive_as_slurm_says(output: Path, monkeypatch, alive: bool) -> None:
    write_owner(output, host="elsewhere", job="17")
    monkeypatch.setattr(slurm, "may_write", lambda number: {"17": alive}[number])
    if alive:
        with pytest.raises(Busy, match=r"is being made by job 17 on elsewhere .* or scancel 17"), owned(output, 0):
            pass
    else:
        with owned(output, 0):
            pass


def test_an_earlier_start_of_this_job_has_ended(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_owner(output, host="elsewhere", job="17")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with owned(output, 0):
        pass


def test_who_lost_it_does_not_release_it(output: Path) -> None:
    with owned(output, 0) as claim:
        record = owners_of(output) / "0002.json"
        record.write_text(claim.record.read_text())
        assert claim.is_lost()
    assert sorted(path.name for path in owners_of(output).iterdir()) == ["0001.json", "0002.json"]


CONTENDS = """
import sys
from pathlib import Path
from scripts.trainers.ownership import Busy, owned
try:
    with owned(Path(sys.argv[1]), 0):
        print("mine", flush=True)
        sys.stdin.read()
except Busy:
    print("busy")
"""


def test_of_many_contenders_one_wins(output: Path) -> None:
    write_owner(output)
    command = [sys.executable, "-c", CONTENDS, str(output)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": REPOSITORY}
    contenders = [subprocess.Popen(command, **pipes) for _ in range(8)]
    with ThreadPoolExecutor() as pool:  # the winner holds it until every one has said what it got
        said = list(pool.map(lambda contender: contender.stdout.readline(), contenders))
    for contender in contenders:
        contender.communicate()
    assert sorted(said) == ["busy\n"] * 7 + ["mine\n"]
    assert numbers(output) == ["0001.json", "0002.json"]
