"""What runs again after which change: the table of docs/decisions/0005, row by row, on fake trainers.

`trained` counts jobs that train. Each test edits a checkout of its own.
"""

import base64
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import soundfile
import yaml

from tests.workflow.conftest import RECIPES, Project, Run, speak

TRAINERS = {"pretrain", "finetune"}
TABLE = {"trace", "tabulate", "plot", "plot_finetunings", "tabulate_errors", "plot_errors", "write_report"}
CHEAP = {"drop_leakage", "split_validation", "concatenate", "prepare_data", "score_cer", "list_errors"}
MILESTONES = "results/pretrain/mandarin"


def configure(project: Project, **changes: object) -> None:
    project.configure(**RECIPES | changes)


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def edit_recipe(project: Project, name: str, **keys: object) -> None:
    file = project.directory.parent / f"{name}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | keys), encoding="utf-8")


def jobs(run: Run) -> dict[str, int]:
    """How often each rule ran."""
    assert run.code == 0, run.output
    return {rule: run.rules.count(rule) for rule in run.rules if rule != "all"}


def trained(run: Run) -> dict[str, int]:
    return {rule: count for rule, count in jobs(run).items() if rule in TRAINERS}


def same_when_run(project: Project, *words: str) -> Run:
    """Run what a dry run has planned, but for cheap steps for which something came out as it had been."""
    planned = Counter(jobs(project.snakemake("-n", *words)))
    run = project.snakemake(*words)
    ran = Counter(jobs(run))
    assert not ran - planned
    assert set(planned - ran) <= CHEAP
    assert project.snakemake().nothing
    return run


def test_new_dates_mean_nothing(project: Project) -> None:
    for path in [
        *project.directory.rglob("corpora/**/*"),
        *project.repository.rglob("*"),
        *project.directory.parent.glob("*.yaml"),
    ]:
        path.touch()
    for path in (project.directory / "results").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            path.touch()
    assert project.snakemake().nothing


def test_a_fresh_checkout_over_finished_results(project: Project) -> None:
    shutil.rmtree(project.directory / ".snakemake")
    for path in project.repository.rglob("*"):
        path.touch()
    assert project.snakemake().nothing


def test_comments_and_docstrings_mean_nothing(project: Project) -> None:
    for file in project.repository.glob("scripts/**/*.py"):
        text = re.sub(r'^( *)"""', r'\1"""New. ', file.read_text(), count=1, flags=re.MULTILINE)
        file.write_text(f"# why\n{text}\n# done\n")
    assert project.snakemake().nothing


@pytest.mark.slow
@pytest.mark.parametrize("step", ["list_utterances", "drop_leakage", "split_validation", "write_manifest"])
def test_other_code_with_the_same_bytes(project: Project, step: str) -> None:
    """The cheap steps below it run; the manifest comes out the same, so that nothing is trained."""
    edit(project.repository / f"scripts/corpora/{step}.py", "def main()", "NEW = 1\n\n\ndef main()")
    run = same_when_run(project)
    assert step in jobs(run) and trained(run) == {} and not {"concatenate", "transcribe"} & set(jobs(run))


@pytest.mark.slow
def test_other_code_in_the_data_of_fine_tuning(project: Project) -> None:
    edit(project.repository / "scripts/finetune/prepare_data.py", "def main()", "NEW = 1\n\n\ndef main()")
    assert trained(same_when_run(project)) == {}


@pytest.mark.slow
def test_other_utterances_are_kept(project: Project) -> None:
    """Not foreseen, but done in one command, and only with leave."""
    step = project.repository / "scripts/corpora/drop_leakage.py"
    edit(step, "    tables.write_utterances(kept", "    tables.write_utterances(kept.iloc[6:]")
    dry = project.snakemake("-n")
    assert trained(dry) == {} and "involves checkpoint jobs" in dry.output
    refused = project.snakemake()
    assert refused.code != 0 and "repeat_pretraining=True" in refused.output
    assert (project.directory / MILESTONES / "after-30-updates.pt").exists()
    run = project.snakemake("--config", "repeat_pretraining=True")
    assert trained(run) == {"pretrain": 3, "finetune": 3}
    assert project.snakemake().nothing


@pytest.mark.slow
def test_an_utterance_is_added(project: Project) -> None:
    """The others stay on their side of the split, and the data of fine-tuning is not touched."""
    data = project.directory / "corpora/AISHELL-2/iOS/data"
    soundfile.write(data / "wav/C0001/IC0002W0001.wav", speak("甲乙丙丁甲乙丙丁"), 16000, subtype="PCM_16")
    for name, line in (("wav.scp", "wav/C0001/IC0002W0001.wav"), ("trans.txt", "甲乙丙丁甲乙丙丁")):
        with (data / name).open("a", encoding="utf-8") as file:
            file.write(f"IC0002W0001\t{line}\n")
    before = sides(project)
    run = project.snakemake("--config", "repeat_pretraining=True")
    assert trained(run)["pretrain"] == 3 and "prepare_data" not in jobs(run)
    after = sides(project)
    assert after.pop("IC0002W0001") and after == before
    assert project.snakemake().nothing


def sides(project: Project) -> dict[str, str]:
    """On which side of the split each utterance is."""
    return {
        line.split("\t")[0]: subset
        for subset in ("train", "valid")
        for line in project.read(f"results/pretrain/mandarin/utterances/{subset}.tsv").splitlines()[1:]
    }


@pytest.mark.slow
def test_other_resources_and_packages(project: Project) -> None:
    """GPUs and processes at the same effective batch; pins, which only count for what is made from now on."""
    assert project.snakemake("--set-resources", "pretrain:gpu=4", "--set-threads", "pretrain=2").nothing
    edit(project.repository / "workflow/envs/fairseq.yaml", "# ", "# why: ")
    assert "workflow/envs" not in project.snakemake("-n").output
    edit(project.repository / "workflow/envs/fairseq.yaml", "==", "==0")
    run = project.snakemake()
    assert run.nothing
    # two milestones and the end of the run, the best until each and of all, and an encoder of each row
    assert f"fairseq.yaml has changed since {MILESTONES}/after-10-updates.pt was made, and 9 more" in run.output
    assert "unless you say -R pretrain prepare_encoder choose_best." in run.output


@pytest.mark.slow
def test_what_makes_updates_faster(project: Project) -> None:
    """Nothing is trained again; what is trained from now on says what was on."""
    faster = ("--set-resources", "pretrain:faster='at_once=2 negatives'")
    assert project.snakemake(*faster).nothing
    configure(project, pretraining__mandarin__milestones=[10, 15, 20])
    assert trained(project.snakemake(*faster)) == {"pretrain": 1, "finetune": 1}
    on = {n: json.loads(project.read(f"{MILESTONES}/after-{n}-updates.json"))["faster"] for n in (10, 15, 20)}
    assert on == {10: [], 15: ["at_once=2", "negatives"], 20: []}
    assert project.snakemake().nothing


@pytest.mark.slow
def test_another_learning_rate(project: Project) -> None:
    configure(project, finetuning__aishell1__learning_rates=[0.1, 0.2])
    assert jobs(same_when_run(project)) == {
        **{"finetune": 3, "average_weights": 3, "transcribe": 3, "score_cer": 6, "list_errors": 3},
        **dict.fromkeys({"describe_trainings", "write_config"} | TABLE, 1),
    }


@pytest.mark.slow
def test_a_milestone_in_the_middle(project: Project) -> None:
    configure(project, pretraining__mandarin__milestones=[10, 15, 20])
    before = json.loads(project.read(f"{MILESTONES}/after-20-updates.json"))
    assert trained(same_when_run(project)) == {"pretrain": 1, "finetune": 1}
    assert json.loads(project.read(f"{MILESTONES}/after-20-updates.json")) == before
    assert "| @15 updates | 90.0" in project.read("results/cer.md")


@pytest.mark.slow
def test_a_milestone_after_the_last(project: Project) -> None:
    """Its fine-tuning and, as it has the lowest loss, that of the best."""
    edit_recipe(project, "fairseq", lr_scheduler={"total_num_update": 40})
    assert "lr_scheduler.total_num_update (30 -> 40)" in project.snakemake("-n").output  # decides what is learnt
    edit_recipe(project, "fairseq", lr_scheduler={"total_num_update": 30})
    configure(project, pretraining__mandarin__updates=29, pretraining__mandarin__milestones=[10, 20])
    assert trained(project.snakemake()) == {"pretrain": 1, "finetune": 1}


@pytest.mark.slow
def test_average_last(project: Project) -> None:
    configure(project, finetuning__aishell1__average_last=3)
    run = same_when_run(project)
    assert trained(run) == {} and jobs(run)["average_weights"] == jobs(run)["transcribe"] == 3


@pytest.mark.slow
def test_a_recipe_of_fine_tuning(project: Project) -> None:
    edit_recipe(project, "espnet", seed=7)
    assert trained(same_when_run(project)) == {"finetune": 3}


@pytest.mark.slow
def test_masking_in_fine_tuning(project: Project) -> None:
    configure(project, finetuning__aishell1__mask_prob=0.2)
    assert trained(same_when_run(project)) == {"finetune": 3}


@pytest.mark.slow
def test_a_recipe_of_pre_training(project: Project) -> None:
    edit_recipe(project, "fairseq", common={"log_interval": 7}, dataset={"num_workers": 3}, checkpoint={"a": 1})
    assert project.snakemake().nothing
    edit_recipe(project, "fairseq", optimization={"lr": [0.1]})
    dry = project.snakemake("-n")
    assert trained(dry) == {"pretrain": 3, "finetune": 3}
    assert "after-30-updates.pt is finished and would be trained again, because of recipe.optimization" in dry.output
    before = (project.directory / MILESTONES / "after-30-updates.pt").read_bytes()
    refused = project.snakemake()
    assert refused.code != 0 and "or say --config repeat_pretraining=True" in refused.output and refused.rules == []
    assert (project.directory / MILESTONES / "after-30-updates.pt").read_bytes() == before
    configure(project, pretraining__mandarin__seed=2)  # the fake's weights follow the seed
    assert trained(same_when_run(project, "--config", "repeat_pretraining=True")) == {"pretrain": 3, "finetune": 3}


@pytest.mark.slow
def test_what_only_saves_verifies_or_watches(project: Project) -> None:
    for module in ("pretrain/fairseq_upkeep", "finetune/espnet_upkeep", "trainers/supervisor", "pretrain/pretrain"):
        file = project.repository / f"scripts/{module}.py"
        file.write_text(file.read_text(encoding="utf-8") + "\n\nNEW = 1\n", encoding="utf-8")
    assert set(jobs(same_when_run(project))) == TABLE  # trace knows what starts ESPnet


@pytest.mark.slow
def test_a_helper_module(project: Project) -> None:
    """scripts.common.audio is imported by those who read wavs."""
    edit(project.repository / "scripts/common/audio.py", "\ndef ", "\nNEW = 1\n\n\ndef ")
    ran = jobs(same_when_run(project))
    assert {"list_utterances", "concatenate"} <= set(ran) and not TRAINERS & set(ran)


@pytest.mark.slow
def test_text_normalisation(project: Project) -> None:
    edit(project.repository / "scripts/common/text.py", "\ndef ", "\nNEW = 1\n\n\ndef ")
    ran = jobs(same_when_run(project))
    assert {"drop_leakage", "score_cer"} <= set(ran) and not TRAINERS & set(ran)


def test_scoring_code(project: Project) -> None:
    edit(project.repository / "scripts/evaluate/score_cer.py", "\ndef main", "\nNEW = 1\n\n\ndef main")
    assert jobs(same_when_run(project)) == {"score_cer": 6, "list_errors": 3} | dict.fromkeys(TABLE, 1)


def test_a_milestone_that_was_deleted(project: Project) -> None:
    """Nothing needs it, unless it is asked for; it costs no training while the trainer's own directory is there."""
    milestone = project.directory / MILESTONES / "after-20-updates.pt"
    before = milestone.read_bytes()
    milestone.unlink()
    assert project.snakemake().nothing
    run = project.snakemake(f"{MILESTONES}/after-20-updates.pt", FAKE_FAIRSEQ_FAILS="1")
    assert trained(run) == {"pretrain": 1}
    assert milestone.read_bytes() == before
    shutil.rmtree(project.directory / MILESTONES / "work")
    milestone.unlink()
    assert trained(project.snakemake(f"{MILESTONES}/after-20-updates.pt")) == {"pretrain": 1}
    assert milestone.read_bytes() == before


@pytest.mark.parametrize("words", [("-f", f"{MILESTONES}/after-20-updates.pt"), ("-R", "pretrain")])
def test_what_is_forced_runs(project: Project, words: tuple[str, ...]) -> None:
    planned = trained(project.snakemake("-n", *words))
    assert planned["pretrain"] == (1 if words[0] == "-f" else 3)


@pytest.mark.slow
def test_what_a_killed_snakemake_has_left_is_made_again_once(project: Project) -> None:
    """The job may have ended well after that: then the trainer's own directory has all, and nothing is trained."""
    for name in ("after-20-updates", "best-until-20-updates"):
        for ending in ("pt", "json"):
            marker = base64.b64encode(f"{MILESTONES}/{name}.{ending}".encode()).decode()
            (project.directory / ".snakemake/incomplete" / marker).write_text("{}")
    assert trained(project.snakemake("-n")) == {"pretrain": 1}
    assert trained(project.snakemake(FAKE_FAIRSEQ_FAILS="1")) == {"pretrain": 1}
    assert project.snakemake().nothing
