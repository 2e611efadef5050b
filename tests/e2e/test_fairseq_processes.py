"""Pre-training in two processes that exchange gradients (gloo, on CPUs), and a stop on request."""

import json
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("fairseq", reason="real fairseq is not installed")

from tests.e2e.steps import arguments, differences, environment, kill_when, wait_until
from tests.e2e.test_fairseq import Milestone, audio, logged, place, pretrain, trained_bits, uninterrupted

__all__ = ["audio", "place", "uninterrupted"]
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def pair(place, tmp_path_factory) -> Milestone:
    """0 -> 12 updates in two processes, each of which takes one of the two micro-batches of an update."""
    return pretrain(place(tmp_path_factory.mktemp("pair"), 12, cpu_processes=2))


def test_two_processes_see_the_batches_of_one(pair, uninterrupted):
    def batches(milestone: Milestone) -> list[tuple[int, str, str]]:
        return [(line["epoch"], line["num_updates"], line["bsz"]) for line in logged(milestone, "train_inner")]

    assert batches(pair) == batches(uninterrupted)
    facts = json.loads(pair.output.with_suffix(".json").read_text())
    assert (facts["processes"], facts["update_freq"]) == (2, 1)
    # other masks and negatives, but the same loss within what they do to it
    one, two = (float(logged(milestone, "valid")[-1]["valid_loss"]) for milestone in (uninterrupted, pair))
    assert one == pytest.approx(two, rel=0.05)


def test_killed_processes_go_on_and_end_with_the_same_bits(pair, place, tmp_path):
    milestone = place(tmp_path, 12, cpu_processes=2)
    saved = "work/after-12-updates-*/checkpoints/checkpoint_1_4.pt"
    kill_when(lambda: any(tmp_path.glob(saved)), "scripts.pretrain.pretrain", **milestone.options)
    assert not milestone.output.exists()
    pretrain(milestone)
    assert list(differences(trained_bits(pair.output), trained_bits(milestone.output))) == []


@pytest.mark.parametrize(("processes", "update"), [(1, 5), (2, 3)])  # at the end of an epoch, within one
def test_a_stop_at_any_update_is_saved_and_repeats_nothing(
    pair, uninterrupted, place, tmp_path, processes: int, update: int
):
    milestone = place(tmp_path, 12, cpu_processes=processes)
    process = stop_at(update, milestone, tmp_path)
    assert process.returncode == 1 and "stopped by SIGTERM; started again, it goes on" in process.stdout
    reached = len(logged(milestone, "train_inner"))
    assert update <= reached < 12
    pretrain(milestone)
    assert [int(line["num_updates"]) for line in logged(milestone, "train_inner")] == list(range(1, 13))
    whole = {1: uninterrupted, 2: pair}[processes]
    assert list(differences(trained_bits(whole.output), trained_bits(milestone.output))) == []


def stop_at(update: int, milestone: Milestone, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a step and send it SIGTERM once fairseq has logged an update; how it ended."""
    words = arguments("scripts.pretrain.pretrain", milestone.options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(words, env=environment(), **pipes)

    def reached() -> bool:
        text = "".join(log.read_text() for log in folder.glob("work/*/train.log"))
        return any(int(number) >= update for number in re.findall(r'train_inner.*"num_updates": "(\d+)"', text))

    wait_until(lambda: reached() or process.poll() is not None)
    process.terminate()
    said, _ = process.communicate(timeout=120)
    return subprocess.CompletedProcess(words, process.returncode, said, None)
