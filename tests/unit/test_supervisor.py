"""Starting somebody else's trainer, and stopping it in time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.trainers import life, slurm, supervisor
from scripts.trainers.ownership import Claim
from scripts.trainers.supervisor import Paused, Training


@pytest.fixture(autouse=True)
def _outside_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    """A claim on an output that nobody else wants."""
    record = tmp_path / "owners" / "0001.json"
    record.parent.mkdir()
    record.touch()
    return Claim(record)


def script(folder: Path, source: str, *words: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "trainer.py").write_text(source, encoding="utf-8")
    return [sys.executable, str(folder / "trainer.py"), *words]


def training(*commands: list[str], log: Path, **others) -> Training:
    """One that is at its goal whatever it does, unless told otherwise."""
    return Training(list(commands), log, **{"progress": lambda: 1, "goal": 1} | others)


def test_everything_said_is_appended_to_the_log(tmp_path: Path, claim: Claim, capfd) -> None:
    log = tmp_path / "work" / "train.log"
    command = script(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    supervisor.train(training(command, log=log), claim)
    supervisor.train(training(command, log=log), claim)
    assert log.read_text() == "out\nerr\nout\nerr\n"
    assert capfd.readouterr() == ("", "")


def test_a_trainer_that_fails(tmp_path: Path, claim: Claim, capfd) -> None:
    log = tmp_path / "train.log"
    command = script(tmp_path, "for i in range(100): print('line', i)\nraise SystemExit(3)")
    with pytest.raises(StepError) as caught:
        supervisor.train(training(command, log=log), claim)
    name = Path(sys.executable).name
    assert str(caught.value) == f"{name} ended with exit code 3: see its last lines above, all in {log}"
    assert capfd.readouterr().out == "".join(f"line {i}\n" for i in range(85, 100))
    assert len(log.read_text().splitlines()) == 100


def test_a_trainer_that_is_killed_amid_bytes_that_are_no_text(tmp_path: Path, claim: Claim, capfd) -> None:
    source = "import os, sys; sys.stdout.buffer.write(b'\\xff\\xfe end'); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    with pytest.raises(StepError, match="ended with exit code -9: see its last lines above"):
        supervisor.train(training(script(tmp_path, source), log=tmp_path / "train.log"), claim)
    assert capfd.readouterr().out.endswith(" end\n")


def test_a_trainer_that_is_not_there(tmp_path: Path, claim: Claim) -> None:
    with pytest.raises(StepError) as caught:
        supervisor.train(training(["no-such-trainer", "--help"], log=tmp_path / "train.log"), claim)
    assert str(caught.value) == "no-such-trainer is not installed in this environment: see workflow/envs"


def test_a_trainer_whose_environment_was_moved(tmp_path: Path, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "moved" / "bin" / "some-trainer"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{tmp_path}/before/bin/python\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(StepError) as caught:
        supervisor.train(training(["some-trainer"], log=tmp_path / "train.log"), claim)
    assert str(caught.value).startswith(f"{program} starts a python that is not there: its environment was moved:")


def test_a_trainer_that_stops_short_of_its_goal(tmp_path: Path, claim: Claim) -> None:
    short = training(script(tmp_path, ""), log=tmp_path / "train.log", goal=3)
    with pytest.raises(StepError, match=r"the trainer stopped at 1 of 3: see .*train\.log"):
        supervisor.train(short, claim)


def test_when_one_process_fails_none_is_left(tmp_path: Path, claim: Claim) -> None:
    waits = script(tmp_path / "a", f"open({str(tmp_path / 'there')!r}, 'w').close(); import time; time.sleep(600)")
    waiting = (
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'there')!r}): time.sleep(0.01)\nraise SystemExit(4)"
    )
    fails = script(tmp_path / "b", waiting)
    with pytest.raises(StepError, match="ended with exit code 4"):
        supervisor.train(training(waits, fails, log=tmp_path / "train.log"), claim)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path / "a") not in running


def test_a_full_disk_is_named(tmp_path: Path, claim: Claim, capfd) -> None:
    command = script(tmp_path, "raise OSError(28, 'No space left on device')")
    with pytest.raises(StepError) as caught:
        supervisor.train(training(command, log=tmp_path / "train.log"), claim)
    assert str(caught.value).startswith(f"no space left on the disk of {tmp_path}: make room and start again")


SAVES = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "started").touch()
while not (folder / "stop-requested").exists():
    time.sleep(0.01)
(folder / "saved").touch()
"""


def test_near_the_end_of_the_time_it_is_asked_to_save(tmp_path: Path, claim: Claim, monkeypatch) -> None:
    monkeypatch.setattr(slurm, "allocation", lambda: slurm.Allocation("17", time.time() + 2, 1))
    saved = tmp_path / "saved"
    job = training(
        script(tmp_path, SAVES, str(tmp_path)),
        log=tmp_path / "train.log",
        progress=lambda: int(saved.exists()),
        goal=2,
        ask_to_save=(tmp_path / "stop-requested").touch,
    )
    with pytest.raises(Paused, match="the job's time limit is near"):
        supervisor.train(job, claim)
    assert saved.exists()


def test_a_job_without_time_to_save_says_so_instead_of_coming_back_for_ever(tmp_path, claim, monkeypatch) -> None:
    monkeypatch.setattr(slurm, "allocation", lambda: slurm.Allocation("17", time.time(), 1))
    job = training(script(tmp_path, "import time; time.sleep(600)"), log=tmp_path / "train.log", goal=2)
    with pytest.raises(StepError, match="got nowhere within the job's time limit: raise runtime in the profile"):
        supervisor.train(job, claim)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_trainer_as_a_request(tmp_path: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-c", RUNS, str(tmp_path), *script(tmp_path, SAVES, str(tmp_path))]
    pipe = {"stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, cwd=supervisor.REPOSITORY, start_new_session=True, **pipe)
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    os.killpg(process.pid, number)
    assert process.communicate(timeout=60)[0] == f"paused: {number.name}\n"
    assert (tmp_path / "saved").exists()


RUNS = """
import sys
from pathlib import Path
from scripts.trainers import supervisor
from scripts.trainers.ownership import owned
folder = Path(sys.argv[1])
job = supervisor.Training([sys.argv[2:]], folder / "train.log", lambda: 0, 1, (folder / "stop-requested").touch)
with owned(folder / "output", 0) as claim:
    try:
        supervisor.train(job, claim)
    except supervisor.Paused as reason:
        print("paused:", reason)
"""


def test_a_trainer_does_not_outlive_its_step(tmp_path: Path) -> None:
    words = [sys.executable, "-c", RUNS, str(tmp_path), *script(tmp_path, SAVES, str(tmp_path))]
    process = subprocess.Popen(words, cwd=supervisor.REPOSITORY)
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    for _ in range(600):
        if str(tmp_path) not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout:
            return
        time.sleep(0.1)
    pytest.fail("the trainer still runs")


READS_AHEAD = """
import multiprocessing, signal, time
from scripts.trainers import data_workers
data_workers.kill_at_exit()
signal.signal(signal.SIGCHLD, lambda *_: print("a worker died", flush=True))  # as torch does
multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True).start()
"""


def test_a_trainer_ends_though_its_workers_hear_no_signal(tmp_path: Path, claim: Claim) -> None:
    begun = time.monotonic()
    supervisor.train(training(script(tmp_path, READS_AHEAD), log=tmp_path / "train.log"), claim)
    assert time.monotonic() - begun < 50
    assert (tmp_path / "train.log").read_text() == ""


def test_a_step_that_lost_its_output_stops_its_trainer(tmp_path: Path, claim: Claim) -> None:
    (claim.record.parent / "0002.json").touch()
    with pytest.raises(StepError, match="another job took over: see"):
        supervisor.train(training(script(tmp_path, "import time; time.sleep(600)"), log=tmp_path / "train.log"), claim)


def test_who_watches_ends_a_trainer(tmp_path: Path, claim: Claim) -> None:
    log = tmp_path / "train.log"
    waits = script(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")

    def watch() -> None:
        if log.read_text():
            raise StepError("it has collapsed")

    with pytest.raises(StepError, match=r"^it has collapsed$"):
        supervisor.train(training(waits, log=log, watch=watch), claim)
    assert not Path(f"/proc/{log.read_text().strip()}").exists()


def test_environment_of_a_trainer(tmp_path: Path, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # as Snakemake exports them
        monkeypatch.setenv(name, "16")
    keys = ("PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    source = f"import os; print([os.environ[key] for key in {keys}]); import scripts.common"
    supervisor.train(training(script(tmp_path, source), log=tmp_path / "train.log"), claim)
    paths = os.pathsep.join([str(supervisor.REPOSITORY), "/elsewhere"])
    assert (tmp_path / "train.log").read_text() == f"{[paths, '1', '1']}\n"
    monkeypatch.delenv("PYTHONPATH")
    assert supervisor.environment()["PYTHONPATH"] == str(supervisor.REPOSITORY)


def test_of_launchers_a_trainer_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchrun's and Kubernetes', Open MPI's, MPICH's; what only looks like them stays."""
    theirs = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK")
    theirs += ("OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK", "TORCHELASTIC_RUN_ID", "MPI_LOCALNRANKS")
    ours = ("RANKING", "MASTER_ADDRESS", "MY_RANK", "MPICH_DIR")
    for name in (*theirs, *ours):
        monkeypatch.setenv(name, "2")
    assert {*theirs, *ours} & supervisor.environment().keys() == set(ours)


def test_of_slurm_a_trainer_sees_the_job_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_STEP_NODELIST"):
        monkeypatch.setenv(name, "1")
    assert [name for name in supervisor.environment() if name.startswith("SLURM_")] == ["SLURM_JOB_ID"]


FEEDER = """
import sys, time
print("Traceback (most recent call last):")
print('  File "/usr/lib/python3.11/multiprocessing/queues.py", line 244, in _feed')
print("RuntimeError: unable to allocate shared memory(shm) for file </t>: No space left on device (28)", flush=True)
time.sleep(float(sys.argv[1]))
sys.exit(1)
"""


@pytest.mark.parametrize("seconds", [600, 0])
def test_a_trainer_whose_data_worker_died_is_ended(tmp_path: Path, claim: Claim, monkeypatch, seconds: int) -> None:
    """It would wait for ever for what the worker has read; where it ends by itself, the disk is not to blame."""
    monkeypatch.setattr(life, "WORKER_SILENCE", 1)
    monkeypatch.setattr(life, "WORKER_PATIENCE", 0)
    log = tmp_path / "train.log"
    with pytest.raises(StepError, match=r"a data worker of .* found no space in /dev/shm, which has \d+ MB: give the"):
        supervisor.train(training(script(tmp_path, FEEDER, str(seconds)), log=log), claim)


def test_a_trainer_that_hangs_is_ended(tmp_path: Path, claim: Claim, monkeypatch) -> None:
    monkeypatch.setattr(life, "SILENCE", 2)
    monkeypatch.setattr(life, "PATIENCE", 0)
    with pytest.raises(StepError, match=r"has shown no sign of life for [23] s"):
        supervisor.train(training(script(tmp_path, "import time; time.sleep(600)"), log=tmp_path / "train.log"), claim)


BEATS = """
import os, time
from scripts.trainers import life
for _ in range(5):
    time.sleep(1.1)
    life.beat()
"""


def test_a_trainer_that_beats_is_not(tmp_path: Path, claim: Claim, monkeypatch) -> None:
    monkeypatch.setattr(life, "SILENCE", 4)  # its start is silent
    monkeypatch.setattr(life, "PATIENCE", 0)
    supervisor.train(training(script(tmp_path, BEATS), log=tmp_path / "train.log"), claim)


def test_a_hung_trainer_is_ended_though_it_does_not_save(tmp_path: Path, claim: Claim, monkeypatch, capfd) -> None:
    monkeypatch.setattr(slurm, "allocation", lambda: slurm.Allocation("17", time.time() + 4, 1))
    monkeypatch.setattr(life, "SAVE_SILENCE", 0.5)
    monkeypatch.setattr(life, "WORKER_PATIENCE", 0)
    asked = tmp_path / "stop-requested"
    reached = {"progress": lambda: 1 + asked.exists(), "goal": 3, "ask_to_save": asked.touch}  # saved earlier
    hangs = training(script(tmp_path, "import time; time.sleep(600)"), log=tmp_path / "train.log", **reached)
    with pytest.raises(Paused, match=supervisor.TIME_LIMIT):
        supervisor.train(hangs, claim)
    assert "did not save within 1 s, so it was ended" in capfd.readouterr().out


OURS = """
from scripts.common.errors import StepError
print("what came before")
def read(): raise StepError("a.zip is damaged: remake it")
try:
    read()
except StepError as error:
    import traceback
    raise StepError(f"Caught StepError in DataLoader worker process 0.\\n{traceback.format_exc()}")
"""


def test_what_our_code_says_within_a_trainer_is_said_alone(tmp_path: Path, claim: Claim, capfd) -> None:
    log = tmp_path / "train.log"
    log.write_text("scripts.common.errors.StepError: of an earlier start\n")
    with pytest.raises(StepError) as caught:
        supervisor.train(training(script(tmp_path, OURS), log=log), claim)
    assert str(caught.value) == "a.zip is damaged: remake it"
    assert capfd.readouterr().out == ""
    with pytest.raises(StepError, match="ended with exit code 3"):
        supervisor.train(training(script(tmp_path, "raise SystemExit(3)"), log=log), claim)
