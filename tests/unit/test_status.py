"""What the page says about directories that were put together by hand, with lines of real logs of both trainers."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.cluster import history, liveness, page, training_logs
from scripts.cluster.history import History
from scripts.cluster.liveness import State
from scripts.cluster.status import report
from scripts.trainers import ownership
from scripts.trainers.ownership import Owner

# Lines as fairseq 0.12.3 and ESPnet 202511 wrote them in the demo, shortened where nothing is read.
START = "[{}][fairseq_cli.train][INFO] - {{'_name': None, 'common': {{'_name': None, 'log_format': 'json'}}}}"
LOADED = "[{}][fairseq.trainer][INFO] - Loaded checkpoint /x/checkpoint_last.pt (epoch 9 @ {} updates)"
TRAIN_INNER = (
    '[{}][train_inner][INFO] - {{"epoch": 55, "update": 54.167, "loss": "1.412", "ntokens": "541.64", '
    '"prob_perplexity": "20.137", "code_perplexity": "19.988", "loss_0": "1.345", "accuracy": "0.72033", '
    '"wps": "2915.9", "ups": "5.38", "num_updates": "{}", "lr": "0.00142105", "train_wall": "4", "wall": "0"}}'
)
VALID = (
    '[{}][valid][INFO] - {{"epoch": 67, "valid_loss": "1.284", "valid_code_perplexity": "20.085", '
    '"valid_accuracy": "0.75", "valid_num_updates": "{}", "valid_best_loss": "1.284"}}'
)
EPOCH = (
    "INFO:root:{0}epoch results: [train] iter_time=0.003, loss_ctc=4.991, optim_step_time=9.104e-04, "
    "optim0_lr0=2.000e-04, train_time=0.040, time=3.86 seconds, total_count=768, [valid] loss_ctc=5.093, "
    "cer_ctc={1}, loss_att=nan, acc=nan, cer=nan, wer=nan, loss=5.093, time=0.64 seconds, total_count=80\n"
    "INFO:root:The best model has been updated: train.total_count\n"
)
REPOSITORY = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 22, 12).timestamp()  # local time, as in fairseq's log


def at(seconds: float) -> str:
    """A time after noon as fairseq writes it."""
    return datetime.fromtimestamp(NOON + seconds).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]


def write(path: Path, *lines: str, end: str = "\n", modified: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    if modified is not None:
        os.utime(path, (NOON + modified, NOON + modified))
    return path


def own(owners: Path, number: int, since: float, gpus: int, released: float | None = None, **fields: object) -> None:
    """A record of ownership, in seconds after noon."""
    text = datetime.fromtimestamp(NOON + since, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    owner = {"job": "17", "host": "node", "pid": 1, "started": None, "since": text, "gpus": gpus} | fields
    write(owners / f"{number:04d}.json", json.dumps(owner))
    if released is not None:
        write(owners / f"{number:04d}.released", modified=released)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results folder of a working directory with a space in its path."""
    results = tmp_path / "my run" / "results"
    results.mkdir(parents=True)
    return results


def test_speed_and_figures_are_those_of_the_newest_start(tmp_path: Path) -> None:
    log = write(
        tmp_path / "train.log",
        START.format(at(0)),
        TRAIN_INNER.format(at(100), 1000),
        TRAIN_INNER.format(at(110), 2000),  # 100 updates/s, before the restart
        START.format(at(5000)),
        LOADED.format(at(5010), 1500),
        TRAIN_INNER.format(at(5100), 1600).replace("1.412", "3.5"),
        VALID.format(at(5150), 1700),
        TRAIN_INNER.format(at(5200), 1800),
        TRAIN_INNER.format(at(5300), 2000),  # 400 updates in 200 s
    )
    found = training_logs.read_pretraining(log)
    assert found.updates == 2000 and found.speed is not None
    assert found.speed.updates_per_second == pytest.approx(2.0)
    assert found.speed.interval == pytest.approx(100)
    assert (found.loss, found.code_perplexity, found.accuracy) == (1.412, 19.988, 0.72033)
    assert (found.validation_loss, found.validated_at) == (1.284, 1700)


def test_speed_is_taken_over_the_last_ten_intervals(tmp_path: Path) -> None:
    # 20 intervals of 100 updates: the first ten take 10 s each, the last ten 50 s
    times = [10 * i for i in range(11)] + [100 + 50 * i for i in range(1, 11)]
    lines = [TRAIN_INNER.format(at(time), 100 * i) for i, time in enumerate(times)]
    found = training_logs.read_pretraining(write(tmp_path / "train.log", START.format(at(0)), *lines))
    assert found.speed is not None and found.speed.updates_per_second == pytest.approx(2.0)


def test_a_start_that_has_only_loaded_tells_where_it_goes_on(tmp_path: Path) -> None:
    lines = [TRAIN_INNER.format(at(0), 100), TRAIN_INNER.format(at(50), 200), START.format(at(900))]
    found = training_logs.read_pretraining(write(tmp_path / "train.log", *lines, LOADED.format(at(910), 150)))
    assert found.updates == 150
    assert found.speed is not None and found.speed.updates_per_second == pytest.approx(2.0)


@pytest.mark.parametrize("cut", range(1, 200, 13))
def test_a_pretraining_log_may_end_anywhere(tmp_path: Path, cut: int) -> None:
    first, second = TRAIN_INNER.format(at(0), 100), TRAIN_INNER.format(at(50), 200)
    found = training_logs.read_pretraining(write(tmp_path / "train.log", first, second[:cut], end=""))
    assert found.updates == 100 and found.speed is None


def test_lines_of_two_processes_in_one_another_are_passed_over(tmp_path: Path) -> None:
    mixed = TRAIN_INNER.format(at(50), 200)[:90] + TRAIN_INNER.format(at(50), 200)
    log = write(tmp_path / "train.log", TRAIN_INNER.format(at(0), 100), mixed, '[x][train_inner][INFO] - "no facts"')
    assert training_logs.read_pretraining(log).updates == 100


def test_a_missing_log_tells_nothing(tmp_path: Path) -> None:
    assert training_logs.read_pretraining(tmp_path / "none").updates is None
    assert training_logs.read_finetuning(tmp_path / "none").epochs == 0


def test_fine_tuning_is_read_up_to_the_last_whole_epoch(tmp_path: Path) -> None:
    lines = ["INFO:root:1/80epoch started", EPOCH.format(1, "0.413"), "INFO:root:2/80epoch started. Estimated time"]
    log = write(tmp_path / "train.log", *lines, EPOCH.format(2, "0.324")[:230], end="")
    found = training_logs.read_finetuning(log)
    assert (found.epochs, found.max_epochs, found.cer, found.learning_rate) == (1, 80, 0.413, 0.0002)


def test_gpu_hours_of_owners_that_released_were_killed_and_live(tmp_path: Path) -> None:
    output, hour = tmp_path / "after-10-updates.pt", 3600
    owners = tmp_path / "work" / "after-10-updates.owners"
    own(owners, 1, 0, gpus=8, released=2 * hour)  # 2 h x 8
    own(owners, 2, 3 * hour, gpus=8)  # killed; last sign of life 30 min later: 0.5 h x 8
    own(owners, 3, 6 * hour, gpus=4)  # killed before it gave a sign: nothing
    own(owners, 4, 7 * hour, gpus=2)  # the last sign of all is 1.5 h later: 1.5 h x 2
    write(owners / "0005.json", '{"job": "18", "ho', end="")
    signs = [NOON + hour * hours for hours in (0.5, 1.9, 3.2, 3.5, 8, 8.5)]

    found = history.read(output, signs)

    assert found.gpu_hours == pytest.approx(16 + 4 + 0 + 3)
    assert found.starts == 4
    assert found.last is not None and found.last.gpus == 2 and not found.released


def test_a_milestone_under_way(results: Path, slurm, row) -> None:
    model = results / "pretrain" / "mandarin"
    write(model / "after-0-updates.json", json.dumps({"updates": 0, "validation_loss": None}))
    write(model / "after-1000-updates.json", json.dumps({"updates": 1000, "validation_loss": 2.5}))
    write(model / "best.json", json.dumps({"updates": 900, "validation_loss": 2.4}))
    own(model / "work" / "after-1000-updates.owners", 1, -7200, gpus=8, released=-3600)  # 8 GPU hours
    own(model / "work" / "after-5000-updates.owners", 1, 0, gpus=8)
    lines = [START.format(at(0)), LOADED.format(at(1), 1000), TRAIN_INNER.format(at(800), 2600)]
    lines += [VALID.format(at(850), 2700), TRAIN_INNER.format(at(900), 2800)]  # 200 updates in 100 s
    log = "work/after-5000-updates-0123456789ab/train.log"
    write(model / log, *lines, modified=900)  # 0.25 h x 8 = 2 GPU hours
    write(model / "work/after-5000-updates-ffffffffffff/train.log", TRAIN_INNER.format(at(-9), 4999), modified=-9)
    slurm.queue(row(results.parent, "17"))
    write(results.parent / "config.yaml", "pretraining: {mandarin: {updates: 9000, milestones: [0, 1000, 5000, 8000]}}")

    text = report(results.parent, results.parent / "config.yaml", NOON + 1000)
    said = " ".join(text.split())

    assert "Pre-training mandarin: 10.0 GPU hours in 2 starts" in said
    assert "after 0 updates published, not validated" in said
    assert "after 1,000 updates published, validation loss 2.5 " in said
    assert "best so far validation loss 2.4, at update 900" in said
    assert "job 17 runs, 2,800 of 5,000 updates (56%), 2 updates/s" in said
    # 2200 updates at 2/s are 1100 s after the last line, which is 100 s old
    assert "ready in 17 min (Sun 2026-11-22 12:33)" in said
    assert "loss 1.412, code perplexity 19.99, accuracy 0.7203, validation loss 1.284 at update 2,700" in said
    assert "last line of its log 2 min ago" in said and "STUCK" not in said
    assert "to come after 8,000 9,000 updates" in said
    assert "whole run 52 min of computing to go" in said  # 6200 updates at 2/s
    assert "SLURM: 1 job of this directory" in said
    assert max(map(len, text.splitlines())) <= 100


def _under_way(results: Path, silence: float) -> str:
    """A trainer of job 17 that made 200 updates in 100 s and then said nothing for a while."""
    model = results / "pretrain" / "mandarin"
    own(model / "work" / "after-5000-updates.owners", 1, 0, gpus=8)
    lines = [START.format(at(0)), TRAIN_INNER.format(at(800), 2600), TRAIN_INNER.format(at(900), 2800)]
    write(model / "work/after-5000-updates-0123456789ab/train.log", *lines, modified=900)
    return " ".join(report(results.parent, None, NOON + 900 + silence).split())


def test_a_long_silence_is_pointed_out(results: Path, slurm, row) -> None:
    slurm.queue(row(results.parent, "17"))
    said = _under_way(results, 7200)
    assert "last line of its log 2 h 0 min ago: IS IT STUCK?" in said
    assert "ready in" not in said and "18 min of computing to go" in said
    assert "STUCK" not in _under_way(results, 800)


def test_a_job_in_the_queue_is_not_stuck(results: Path, slurm, row) -> None:
    start = datetime.fromtimestamp(NOON + 90_000).isoformat()
    slurm.queue(row(results.parent, "17", State="PENDING", Reason="Resources", StartTime=start))
    said = _under_way(results, 7200)
    assert "job 17 waits in the queue, 2,800 of 5,000" in said and "STUCK" not in said
    assert "pending: no free node has what it asks for (Resources), expected to start Mon 2026-11-23 13:00" in said


def test_a_job_that_has_left_the_queue_has_stopped(results: Path, slurm) -> None:
    assert "stopped (job 17 has ended), 2,800 of 5,000" in _under_way(results, 7200)


def test_fine_tunings_in_groups(results: Path, slurm) -> None:
    mandarin = results / "finetune" / "aishell1" / "from" / "mandarin"
    for checkpoint in ("after-50000-updates", "after-130000-updates"):
        work = mandarin / checkpoint / "lr-0.0002" / "seed-1" / "work"
        own(work / "epochs.owners", 1, 0, gpus=1, released=5400)  # 1.5 GPU hours each
        lines = ["INFO:root:1/2epoch started", EPOCH.format(1, "0.413")]
        write(work / "0123456789ab" / "train.log", *lines, modified=5000)
        write(work / "ffffffffffff" / "train.log", EPOCH.format(9, "0.9"), modified=4000)  # of an older recipe
    write(mandarin / "after-50000-updates/lr-0.0002/seed-1/epochs/1epoch.pth")
    for subset in ("dev", "test"):
        write(results / f"cer/aishell1/{subset}/from/mandarin/after-50000-updates/lr-0.0002/seed-1.json", "{}")

    text = report(results.parent, None, NOON + 9000)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    said = " ".join(text.split())

    assert "Fine-tuning aishell1 from mandarin: 3.0 GPU hours in 2 starts" in lines
    assert (
        "after-50000-updates lr-0.0002 seed-1 done, 1 of 2 epochs, cer_ctc 0.413, learning rate 0.0002, "
        "1.5 GPU hours in 1 start after-130000-updates lr-0.0002 seed-1 stopped (job 17 has ended), 1 of 2"
    ) in said
    assert "Training in all: 3.0 GPU hours in 2 starts" in said
    assert "Error rates made so far: aishell1 dev 1, aishell1 test 1" in lines


def test_nothing_has_started(results: Path, slurm) -> None:
    directory = results.parent
    assert report(directory, None, NOON) == f"nothing has started in {directory}"
    results.rmdir()
    assert report(directory, None, NOON) == f"nothing has started in {directory}"


def test_without_squeue_the_rest_is_told(results: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = _under_way(results, 10)
    assert "job 17 on node, not known whether it runs, 2,800 of 5,000 updates" in said
    assert "SLURM: not asked (squeue is not installed on this machine" in said


def test_files_that_cannot_be_read_are_passed_over(results: Path, slurm) -> None:
    model = results / "pretrain" / "mandarin"
    write(model / "after-10-updates.json", '{"updates": 10', end="")
    write(model / "after-20-updates.json", json.dumps({"updates": 20, "validation_loss": 3.0}))
    (model / "work" / "after-30-updates-0123456789ab").mkdir(parents=True)
    said = " ".join(report(results.parent, None, NOON).split())
    assert "after 20 updates published" in said and "after 10 updates" not in said
    assert "after 30 updates no owner on record, no log yet" in said


@pytest.mark.parametrize(
    "text", ["[1]", "pretraining: [a]", "pretraining: {a: {updates: many}}", "a: [", "pretraining: 3"]
)
def test_a_config_of_another_kind_is_named(results: Path, slurm, step, text: str) -> None:
    write(results / "pretrain/mandarin/after-20-updates.json", json.dumps({"updates": 20, "validation_loss": 3.0}))
    config = write(results.parent / "other.yaml", text)
    done = step("cluster.status", "--directory", results.parent, "--configfile", config)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "other.yaml is not a config" in done.stderr


def test_the_command_line(results: Path, slurm, step) -> None:
    done = step("cluster.status", "--directory", results.parent)
    assert (done.returncode, done.stdout) == (0, f"nothing has started in {results.parent}\n")
    done = step("cluster.status", "--directory", results / "nowhere")
    assert done.returncode == 1 and "nowhere is not a directory" in done.stderr


def test_nothing_is_imported_that_snakemake_s_environment_lacks() -> None:
    code = "import sys, scripts.cluster.status, scripts.cluster.orphans; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not {"torch", "fairseq", "espnet2", "numpy", "pandas", "soundfile"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("job", "host", "pid", "released", "state"),
    [
        (None, "here", os.getpid(), False, State.RUNNING),
        (None, "here", 2**22 + 1, False, State.STOPPED),  # above the largest process number of Linux
        (None, "here", os.getpid(), True, State.STOPPED),
        (None, "elsewhere", 1, False, State.UNKNOWN),
        ("17", "elsewhere", 1, False, State.UNKNOWN),
        ("17", "elsewhere", 1, True, State.STOPPED),
    ],
    ids=["here", "gone", "released", "elsewhere", "job elsewhere", "released job elsewhere"],  # no number of a process
)
def test_liveness_without_slurm(job: str | None, host: str, pid: int, released: bool, state: State) -> None:
    place = socket.gethostname() if host == "here" else host
    owner = Owner(job, place, pid, ownership.started(pid), "2026-11-22T12:00:00Z", 1)
    assert liveness.of(History(1, 0.0, owner, released), None).state is state


def test_the_page_never_gets_wider_than_it_may() -> None:
    entries = [("x" * 46, ["word " * 40]), ("y" * 150, ["ReqNodeNotAvail:" + "n" * 300, "z"]), ("short", ["fact"])]
    lines = page.section("A title", entries).splitlines()
    assert max(map(len, lines)) <= 100 and lines[-1].split() == ["short", "fact"]


def test_a_run_under_way_is_drawn_over_the_published_one_with_what_its_guard_says(results: Path) -> None:
    work = results / "pretrain/mandarin/work/after-1000-updates-0123456789ab"
    row = TRAIN_INNER.replace("1.412", "5.5")
    write(work / "train.log", START.format(at(0)), *(row.format(at(n), n) for n in (200, 400, 600, 800)))
    note = {"stopped": "pretraining.mandarin was stopped", "warnings": {"disk": "make room"}}
    write(work / "guard.json", json.dumps(note))
    before = results / "pretrain/mandarin/work/after-100-updates-0123456789ab"
    write(before / "train.log", START.format(at(0)))
    write(before / "guard.json", json.dumps({"stopped": None, "warnings": {"starving": "more workers"}}))
    write(results / "pretrain/mandarin/after-100-updates.json", json.dumps({"updates": 100, "made_from": {}}))
    said = report(results.parent, None, NOON + 900)
    words = " ".join(said.split())
    assert "warning more workers STOPPED pretraining.mandarin was stopped warning make room" in words
    assert "\n  update 800, published at the same update in brackets: loss 5.5 (5.49), code perplexity" in said
    assert "loss 4.53 to 9.28" in said and "updates 0 to 1,600; * this run, . published" in said
    assert max(map(len, said.splitlines())) <= page.WIDTH
