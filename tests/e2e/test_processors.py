"""The demo's trainings have the same bits on processors of two makers: on this one, and on an emulated one."""

import pytest

pytest.importorskip("espnet2", reason="ESPnet is not installed (workflow/envs/espnet.yaml)")
pytest.importorskip("fairseq", reason="real fairseq is not installed")

from tests.e2e.emulation import Emulation, command, obstacle, outcome
from tests.e2e.steps import call

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(obstacle() is not None, reason=obstacle() or "")]


@pytest.mark.parametrize("training", ["pretrain", "finetune"])
def test_an_update_has_the_same_bits_on_another_makers_processor(emulation: Emulation, training, tmp_path) -> None:
    finished = call(command(training, tmp_path / "here", emulation.encoder))
    assert finished.returncode == 0, finished.stdout
    here, there = outcome(tmp_path / "here"), emulation.update(training)

    assert here["processor"]["is_intel"] != there["processor"]["is_intel"], "nothing is emulated"
    assert there["processor"]["kernels"] == here["processor"]["kernels"] == "AVX2"
    for part in ("before", "forward", "gradients", "after"):
        assert here[part].keys() == there[part].keys()
        assert [name for name in here[part] if here[part][name] != there[part][name]] == [], part

    # or the comparison would hold for trainers that do nothing
    learnt = {name for name in here["before"] if here["before"][name] != here["after"][name]}
    assert here["forward"] and here["gradients"].keys() <= learnt
