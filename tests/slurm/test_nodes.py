"""Pre-training over two nodes: srun starts a process on each (no GPU is seen), and they meet over TCP."""

import json

from tests.e2e.steps import differences
from tests.e2e.test_fairseq import trained_bits
from tests.slurm.conftest import copy_of, locally


def test_two_nodes_make_what_two_processes_of_one_machine_make(place, prepared, tmp_path) -> None:
    over_nodes = place(12)
    over_nodes.edit_profile(pretrain__nodes=2, pretrain__gres='"gpu:8"', pretrain__gpu=None, retries=0)
    assert over_nodes.finish(over_nodes.snakemake()) == 0, over_nodes.said()
    facts = json.loads(over_nodes.milestone.with_suffix(".json").read_text())
    assert (facts["processes"], facts["update_freq"]) == (2, 4)

    alone = copy_of(prepared, tmp_path / "alone" / "a run", 12)
    locally(alone.directory, alone.target, "--set-threads", "pretrain=2")
    assert json.loads(alone.milestone.with_suffix(".json").read_text())["processes"] == 2
    assert list(differences(trained_bits(alone.milestone), trained_bits(over_nodes.milestone))) == []
