"""tests/workflow/warm: signals, kills and ends of parents reach a python with a warm start as they reach any other."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.workflow.conftest import WARM, Project, environment_of_fakes
from tests.workflow.warm.session import below

PATIENCE = 60  # seconds
# Each writes its number into the file NAME once it is ready; `heard` gets a line for every signal.
READY = """
import os, pathlib, signal, sys, time
def ready(name):
    pathlib.Path("draft").write_text(str(os.getpid()))
    os.rename("draft", name)
"""
HEAR = """
def hear(number, frame):
    with open("heard", "a") as file:
        print(signal.Signals(number).name, file=file)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, hear)
"""
WAIT = """
while True:
    time.sleep(0.05)
"""
START = """
import ctypes, subprocess
def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
subprocess.Popen([sys.executable, "below.py"], start_new_session=True, preexec_fn={preexec})
"""

Start = Callable[..., subprocess.Popen[str]]


def _hear_signals() -> None:
    """A shell's background has SIGINT ignored, and nohup SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a python on a source, with a warm start and in a process group of its own."""
    started = []

    def starting(source: str, *before: str, **options: object) -> subprocess.Popen[str]:
        (tmp_path / "script.py").write_text(READY + source)
        settings = {"process_group": 0, "preexec_fn": _hear_signals}
        call = [*before, "python", "script.py"]
        environment = environment_of_fakes() | WARM.environment
        started.append(subprocess.Popen(call, cwd=tmp_path, env=environment, **settings | options))
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.wait()


def eventually(condition: Callable[[], object]) -> bool:
    """Whether it comes true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def number_in(file: Path) -> int:
    assert eventually(file.exists)
    return int(file.read_text())


def has_ended(number: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    return True


def heard(directory: Path, count: int) -> list[str]:
    """The signals that were heard, once there are so many, and a moment to hear too many."""
    assert eventually(lambda: (directory / "heard").exists() and (directory / "heard").read_text().count("\n") >= count)
    time.sleep(0.2)
    return (directory / "heard").read_text().split()


def test_the_child_is_another_process_and_found(tmp_path: Path, start: Start) -> None:
    client = start("ready('here')" + WAIT)
    child = number_in(tmp_path / "here")
    assert child != client.pid and [process.pid for process in below(client.pid)] == [child]
    assert os.getpgid(child) == client.pid


def test_signals_for_the_client_reach_the_child_once(tmp_path: Path, start: Start) -> None:
    client = start(HEAR + "ready('here')" + WAIT)
    number_in(tmp_path / "here")
    for count, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), start=1):
        client.send_signal(number)
        heard(tmp_path, count)
    assert heard(tmp_path, 3) == ["SIGTERM", "SIGINT", "SIGHUP"]


def test_signals_for_the_group_reach_the_child_once(tmp_path: Path, start: Start) -> None:
    client = start(HEAR + "ready('here')" + WAIT)
    number_in(tmp_path / "here")
    for count, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), start=1):
        os.killpg(client.pid, number)
        heard(tmp_path, count)
    client.send_signal(signal.SIGTERM)
    assert heard(tmp_path, 4) == ["SIGTERM", "SIGINT", "SIGHUP", "SIGTERM"]


def test_signals_in_a_session_of_its_own(tmp_path: Path, start: Start) -> None:
    client = start(HEAR + "ready('here')" + WAIT, process_group=None, start_new_session=True)
    child = number_in(tmp_path / "here")
    os.killpg(client.pid, signal.SIGTERM)
    assert heard(tmp_path, 1) == ["SIGTERM"]
    os.killpg(client.pid, signal.SIGKILL)
    assert eventually(lambda: has_ended(child))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_that_ends_the_client_ends_the_child(tmp_path: Path, start: Start, number: signal.Signals) -> None:
    client = start("ready('here')" + WAIT, stderr=subprocess.DEVNULL)
    child = number_in(tmp_path / "here")
    client.send_signal(number)
    assert client.wait(PATIENCE) == -number
    assert eventually(lambda: has_ended(child))


def test_a_client_that_is_killed_leaves_its_jobs(tmp_path: Path, start: Start) -> None:
    (tmp_path / "below.py").write_text(READY + "ready('job')" + WAIT)
    client = start(START.format(preexec=None) + "ready('here')" + WAIT)
    child, job = number_in(tmp_path / "here"), number_in(tmp_path / "job")
    found = below(client.pid)
    assert {child, job} < {process.pid for process in found}
    client.kill()
    assert eventually(lambda: has_ended(child))
    time.sleep(0.2)
    assert not has_ended(job)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert eventually(lambda: has_ended(job))


def test_a_job_that_is_to_die_with_its_parent(tmp_path: Path, start: Start) -> None:
    """As trainers are: scripts/trainers/supervisor.py."""
    (tmp_path / "below.py").write_text(READY + "ready('job')" + WAIT)
    client = start(START.format(preexec="die_with_parent") + "ready('here')" + WAIT)
    number_in(tmp_path / "here")
    job = number_in(tmp_path / "job")
    client.kill()
    assert eventually(lambda: has_ended(job))


def test_a_step_hears_that_its_parent_has_died(tmp_path: Path, start: Start) -> None:
    """PR_SET_PDEATHSIG is about the child's parent, and the client's is another."""
    asking = "import ctypes; ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
    shell = start(HEAR + asking + "ready('here')" + WAIT, "sh", "-c", '"$@"; true', "sh")
    child = number_in(tmp_path / "here")
    clients = [process for process in below(shell.pid) if process.pid != child]
    shell.kill()
    assert heard(tmp_path, 1) == ["SIGTERM"] and not has_ended(child)
    clients[0].send_signal(signal.SIGHUP)
    assert heard(tmp_path, 2) == ["SIGTERM", "SIGHUP"]
    clients[0].kill()
    assert eventually(lambda: has_ended(child))


def test_nobody_asked_to_hear_of_its_parent(tmp_path: Path, start: Start) -> None:
    shell = start("ready('here'); time.sleep(1); ready('there')", "sh", "-c", '"$@"; true', "sh")
    child = number_in(tmp_path / "here")
    shell.kill()
    assert number_in(tmp_path / "there") == child
    assert eventually(lambda: has_ended(child))


def test_the_server_has_one_thread_and_no_zombies(tmp_path: Path, start: Start) -> None:
    start("").wait()
    assert WARM.process.num_threads() == 1
    assert eventually(lambda: not any(child.status() == "zombie" for child in WARM.process.children()))


def test_control_c(fresh: Project) -> None:
    """Snakemake ends its jobs, unlocks the directory, and goes on the next time."""
    run = fresh.start()
    assert eventually(lambda: any("scripts.pretrain" in words for words in map(words_of, below(run.pid))))
    tree = below(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1 and "Terminating processes on user request" in said, said
    assert eventually(lambda: all(has_ended(process.pid) for process in tree))
    assert fresh.snakemake().code == 0 and fresh.snakemake().nothing


def words_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""
