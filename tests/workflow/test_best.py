"""The row of the best checkpoint costs nothing where that is a milestone, and one branch where it is none."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.workflow.conftest import Project
from tests.workflow.test_reruns import MILESTONES, TABLE, configure, edit_recipe, jobs, same_when_run, trained

FINETUNED = "results/finetune/aishell1/from/mandarin"


def rows(project: Project) -> list[str]:
    return re.findall(r"^\| (@.*?) \|", project.read("results/cer.md"), re.MULTILINE)


def branches(project: Project) -> list[str]:
    return sorted(path.name for path in (project.directory / FINETUNED).iterdir())


def give(project: Project, updates: int, loss: float) -> None:
    """Say that the best checkpoint until so many updates had another validation loss; its date stays."""
    path = project.directory / MILESTONES / f"best-until-{updates}-updates.json"
    date = path.stat().st_mtime_ns
    path.write_text(json.dumps(json.loads(path.read_text()) | {"validation_loss": loss}))
    os.utime(path, ns=(date, date))


def test_fine_tuning_starts_before_the_best_is_known(fresh: Project) -> None:
    """And where that lies between milestones, it costs a branch of its own, for each learning rate and seed."""
    (fresh.directory / "fairseq.yaml").write_text("criterion: {lowest_at: 17}\nlr_scheduler: {total_num_update: 30}\n")
    fresh.configure(finetuning__aishell1__seeds=[1, 2])
    cut_off = fresh.snakemake("--keep-going", FAKE_FAIRSEQ_FAILS="30")
    assert cut_off.code != 0 and "choose_best" not in cut_off.rules
    assert [cut_off.rules.count(rule) for rule in ("finetune", "score_cer")] == [4, 8]
    said = "(*) costs nothing, else 2 fine-tunings beside those planned now."
    assert "Which checkpoint of mandarin is the best" in cut_off.output and said in cut_off.output
    planned = jobs(fresh.snakemake("-n"))
    assert {"pretrain": 1, "choose_best": 1}.items() <= planned.items() and "finetune" not in planned
    run = fresh.snakemake()
    assert trained(run) == {"pretrain": 1, "finetune": 2} and jobs(run)["prepare_encoder"] == 1
    assert branches(fresh) == ["after-10-updates", "after-20-updates", "best-at-17-updates"]
    assert rows(fresh) == ["@10 updates", "@20 updates", "@17 updates*"]
    assert not (fresh.directory / MILESTONES / "after-17-updates.pt").exists()
    encoder = json.loads(fresh.read(f"{FINETUNED}/best-at-17-updates/encoder.json"))
    best = json.loads(fresh.read(f"{MILESTONES}/best.json"))
    assert encoder["made_from"]["checkpoint_sha256"] == best["sha256"] and best["updates"] == 17
    again = fresh.snakemake("-n")
    assert again.nothing and "is the best" not in again.output


def test_nothing_is_trained_where_the_best_moves_to_a_milestone(project: Project) -> None:
    assert rows(project) == ["@10 updates", "@20 updates", "@30 updates*"]
    assert branches(project) == [f"after-{n}-updates" for n in (10, 20, 30)]  # the end of the run is published anyway
    give(project, 10, loss=0)
    assert jobs(project.snakemake("-R", "choose_best")) == {"choose_best": 1} | dict.fromkeys(TABLE, 1)
    assert rows(project) == ["@10 updates", "@20 updates", "@10 updates*"]
    give(project, 10, loss=9)
    assert jobs(project.snakemake("-R", "choose_best")) == {"choose_best": 1} | dict.fromkeys(TABLE, 1)
    assert rows(project) == ["@10 updates", "@20 updates", "@30 updates*"]
    assert project.snakemake("-n").nothing


def test_what_was_fine_tuned_as_the_best_is_there_as_a_milestone(project: Project) -> None:
    configure(project, pretraining__mandarin__milestones=[10, 20, 30])
    assert trained(same_when_run(project)) == {}
    assert rows(project) == ["@10 updates", "@20 updates", "@30 updates", "@30 updates*"]
    configure(project, pretraining__mandarin__milestones=[20])
    assert trained(same_when_run(project)) == {}
    assert rows(project) == ["@20 updates", "@30 updates*"]
    table = project.read("results/cer.tsv").splitlines()
    assert [line.split("\t")[2:5] for line in table[1::2]] == [
        ["after-20-updates", "@20 updates", "20"],
        ["best", "@30 updates*", "30"],
    ]


def test_another_pre_training_has_another_best(project: Project) -> None:
    """Nothing is fine-tuned from what was the best before."""
    edit_recipe(project, "fairseq", criterion={"lowest_at": 12})
    run = project.snakemake("--config", "repeat_pretraining=True")
    assert trained(run) == {"pretrain": 3, "finetune": 3}
    assert sorted(set(re.findall(r"checkpoint=(\S+?),", run.output))) == [
        *("after-10-updates", "after-20-updates", "best-at-12-updates")
    ]
    assert rows(project) == ["@10 updates", "@20 updates", "@12 updates*"]
    assert project.snakemake("-n").nothing


@pytest.mark.parametrize("pattern", ["best.pt", "best.*", "*.*"])
def test_a_choice_that_was_deleted_is_missed_by_nobody(project: Project, pattern: str) -> None:
    """The table's record vouches for it, as what was made from checkpoints does for them."""
    for path in (project.directory / MILESTONES).glob(pattern):
        path.unlink()
    run = project.snakemake("-n")
    assert run.nothing, run.output
    configure(project, pretraining__mandarin__label="M", finetuning__aishell1__average_last=3)
    assert trained(same_when_run(project)) == {}
    assert "| M @30 updates* |" in project.read("results/cer.md")


def test_best_pt_can_be_asked_for(project: Project) -> None:
    best = Path(project.directory / MILESTONES / "best.pt")
    before = best.read_bytes()
    best.unlink()
    assert jobs(project.snakemake(f"{MILESTONES}/best.pt")) == {"choose_best": 1}
    assert best.read_bytes() == before
