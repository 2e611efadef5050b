"""Fine-tuning in two processes that exchange gradients (gloo, on CPUs)."""

import re

import pytest

pytest.importorskip("espnet2", reason="ESPnet is not installed (workflow/envs/espnet.yaml)")

from tests.e2e.steps import differences, kill_when
from tests.e2e.test_espnet import EPOCHS, Run, corpus, encoder, finetune, place, uninterrupted

__all__ = ["corpus", "encoder", "place", "uninterrupted"]
pytestmark = pytest.mark.e2e


def in_two(run: Run) -> Run:
    run.options["cpu_processes"] = 2
    return run


@pytest.fixture(scope="session")
def pair(place, tmp_path_factory) -> Run:
    return finetune(in_two(place(tmp_path_factory.mktemp("pair"))))


def losses(run: Run) -> list[float]:
    """The loss of CTC on dev after each epoch."""
    log = (run.work() / "train.log").read_text(encoding="utf-8")
    return [float(loss) for loss in re.findall(r"epoch results:.*\[valid\] loss_ctc=([\d.]+)", log)]


def test_two_processes_learn_what_one_learns(pair, uninterrupted):
    one, two = losses(uninterrupted), losses(pair)
    assert len(one) == len(two) == EPOCHS
    assert two[-1] < two[0]
    assert two[-1] == pytest.approx(one[-1], rel=0.3)  # they mask other frames
    assert list(differences(uninterrupted.weights(EPOCHS), pair.weights(EPOCHS))) != []


def test_killed_processes_go_on_and_end_with_the_same_bits(pair, place, tmp_path):
    run = in_two(place(tmp_path))
    kill_when(lambda: any(tmp_path.glob("work/*/1epoch.pth")), "scripts.finetune.finetune", **run.options)
    assert not (run.work() / f"{EPOCHS}epoch.pth").exists()
    finetune(run)
    assert list(differences(pair.weights(EPOCHS), run.weights(EPOCHS))) == []
