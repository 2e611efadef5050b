"""From corpora as distributed to the table, and what runs again after which change. Trainers are fakes."""

import hashlib
import json
import re
import shutil

import pytest

from scripts.reruns.commands import step_digest
from tests.workflow.conftest import REPOSITORY, Project, Run

EXPENSIVE = {"pretrain", "finetune"}


def test_everything_from_the_corpora_to_the_table(finished: Project, first_run: Run) -> None:
    counts = {rule: first_run.rules.count(rule) for rule in first_run.rules}
    assert counts == {
        **{"list_utterances": 2, "drop_leakage": 1, "split_validation": 1, "concatenate": 3, "write_manifest": 2},
        **{"pretrain": 3, "keep_curve": 1, "choose_best": 1, "prepare_data": 1, "prepare_encoder": 3, "finetune": 3},
        **{"average_weights": 3, "transcribe": 3, "score_cer": 6, "list_errors": 3},
        **{"trace": 1, "tabulate": 1, "plot": 1, "plot_finetunings": 1},
        **{"tabulate_errors": 1, "plot_errors": 1, "write_report": 1},
        **{"describe_trainings": 1, "write_config": 1, "all": 1},
    }
    table = finished.read("results/cer.md").splitlines()
    # 10 characters a transcript: a model that hears one of them misses nine tenths
    assert table[0] == "| AISHELL-1 | dev | test |"
    assert table[2] == "| @10 updates | 90.0 | 90.0 |"
    assert table[3:5] == ["| @20 updates | 0.0 | 0.0 |", "| @30 updates* | 0.0 | 0.0 |"]


def test_snakemake_remembers_what_no_command_takes(finished: Project) -> None:
    """The command and code of every step but those whose products are spared, and which numbers the table has."""
    found: dict[str, str] = {}
    for path in (finished.directory / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            made = json.loads(path.read_text(encoding="utf-8"))
            found[made["rule"]] = f"{made['params']} {found.get(made['rule'], '')}"
    of_code = {rule for rule in found if f"code {step_digest(REPOSITORY / 'workflow/rules', rule)}" in found[rule]}
    assert len(of_code) > 10 and found.keys() - of_code == {"pretrain", "finetune", "transcribe"}
    scores = [path.relative_to(finished.directory) for path in finished.directory.glob("results/cer/**/*.json")]
    of_rows = [path for path in scores if "after-30-updates" not in path.parts]  # which is the best, said in best.json
    assert len(scores) == 6 and len(of_rows) == 4 and all(f"{path}" in found["tabulate"] for path in of_rows)
    assert "'mandarin'" in found["tabulate"]
    published = (REPOSITORY / "config/published.tsv").read_bytes()
    assert f"content {hashlib.sha256(published).hexdigest()}" in found["tabulate"]


def test_the_leak_is_dropped_and_named(finished: Project) -> None:
    assert "IC0001W0001" in finished.read("results/corpora/aishell2/leaked.tsv")
    assert "IC0001W0001" not in finished.read("results/corpora/aishell2/without-leakage.tsv")


def test_every_milestone_has_a_sidecar_that_names_the_one_it_resumed(finished: Project) -> None:
    sidecars = [json.loads(finished.read(f"results/pretrain/mandarin/after-{n}-updates.json")) for n in (10, 20, 30)]
    assert [sidecar["updates"] for sidecar in sidecars] == [10, 20, 30]
    resumed = [sidecar["made_from"]["resumed_from_sha256"] for sidecar in sidecars]
    assert resumed == [None, sidecars[0]["sha256"], sidecars[1]["sha256"]]


def test_a_second_run_does_nothing(finished: Project) -> None:
    run = finished.snakemake()
    assert run.code == 0 and run.nothing, run.output


def test_a_deleted_result_is_made_again_alone(finished: Project) -> None:
    (finished.directory / "results/cer.md").unlink()
    run = finished.snakemake()
    assert run.code == 0 and not EXPENSIVE & set(run.rules), run.output
    assert "AISHELL-1" in finished.read("results/cer.md")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"finetuning__aishell1__learning_rates": [0.1, 0.2]}, {"finetune": 3}),
        ({"finetuning__aishell1__seeds": [1, 2]}, {"finetune": 3}),
        ({"finetuning__aishell1__average_last": 3}, {}),
        ({"pretraining__mandarin__milestones": [10, 20, 30]}, {}),  # the last was the best, and has been fine-tuned
        # that another checkpoint will be the best is not foreseen: the one there is is no milestone any more
        ({"pretraining__mandarin__updates": 40}, {"pretrain": 1, "finetune": 1}),
        ({"pretraining__mandarin__seed": 2}, {"pretrain": 3, "finetune": 3}),
        ({"finetuning__aishell1__label": "AISHELL"}, {}),
    ],
    ids=lambda value: "-".join(value),
)
def test_what_a_change_of_the_config_plans(finished: Project, change: dict, expected: dict) -> None:
    recipes = {
        key: re.search(rf"recipe: (.*{name}.yaml)", finished.read("overlay.yaml"))[1]
        for key, name in (("pretraining__mandarin__recipe", "fairseq"), ("finetuning__aishell1__recipe", "espnet"))
    }
    finished.configure(**recipes, **change)
    run = finished.snakemake("-n")
    assert run.code == 0, run.output
    assert {rule: run.rules.count(rule) for rule in EXPENSIVE & set(run.rules)} == expected
    assert "tabulate" in run.rules


def test_a_repeated_job_finds_its_work_done(finished: Project) -> None:
    """What decides the weights is the same, so that a milestone that is asked for again costs no training."""
    before = json.loads(finished.read("results/pretrain/mandarin/after-30-updates.json"))
    (finished.directory / "results/pretrain/mandarin/after-30-updates.pt").unlink()
    run = finished.snakemake("results/pretrain/mandarin/after-30-updates.pt", FAKE_FAIRSEQ_FAILS="1")
    assert run.code == 0, run.output
    assert json.loads(finished.read("results/pretrain/mandarin/after-30-updates.json"))["sha256"] == before["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fails", "rule", "last_words"),
    [
        ("FAKE_FAIRSEQ_FAILS", "pretrain", "error: fairseq-hydra-train ended with exit code 1: see its last lines"),
        ("FAKE_ESPNET_FAILS", "finetune", "ended with exit code 1: see its last lines"),
    ],
)
def test_a_trainer_that_fails_is_named_with_its_log(fresh: Project, fails: str, rule: str, last_words: str) -> None:
    run = fresh.snakemake("--keep-going", **{fails: "1"})
    assert run.code != 0
    assert f"Error in rule {rule}" in run.output and last_words in run.output and "train.log" in run.output
    logs = [path.read_text() for path in (fresh.directory / "logs" / rule).rglob("*.log")]
    assert logs and all(last_words in log.splitlines()[-1] for log in logs)
    assert not (fresh.directory / "results/cer.md").exists()
    resumed = fresh.snakemake()
    assert resumed.code == 0 and "AISHELL-1" in fresh.read("results/cer.md"), resumed.output


@pytest.mark.slow
def test_curves_are_made_of_logs_and_train_nothing(finished: Project) -> None:
    """Not even where a milestone was deleted that nobody needs, or the whole of work/."""
    run = finished.directory / "results/pretrain/mandarin"
    (log,) = run.glob("work/after-20-*/train.log")
    with log.open("a", encoding="utf-8") as file:
        file.write((REPOSITORY / "tests/unit/curves/healthy-1.log").read_text().splitlines(keepends=True)[2])
    for path in ("curve.tsv", "curve.json", "after-10-updates.pt", "after-10-updates.json"):
        (run / path).unlink()
    (finished.directory / "results/trainings.md").unlink()
    made = finished.snakemake()
    assert made.code == 0, made.output
    assert set(made.rules) == {"keep_curve", "describe_trainings", "plot_finetunings", "write_report", "all"}
    table = (run / "curve.tsv").read_text()
    assert [line.split("\t")[0] for line in table.splitlines()] == ["updates", "15"]
    assert finished.read("results/trainings.md").startswith("- mandarin: update 15: nothing to compare with")
    shutil.rmtree(run / "work")
    made = finished.snakemake("--forcerun", "keep_curve", "--until", "keep_curve")
    assert made.code == 0 and set(made.rules) == {"keep_curve"}, made.output
    assert (run / "curve.tsv").read_text() == table


@pytest.mark.slow
def test_a_training_that_collapses_is_stopped_and_not_tried_again(fresh: Project) -> None:
    """Its real rows come from a recipe with other numbers: tests/unit/curves/README.md."""
    model = {"num_negatives": 20, "latent_groups": 2, "latent_vars": 16}
    recipe = {"lr_scheduler": {"total_num_update": 30, "warmup_updates": 5}, "model": model}
    (fresh.directory / "fairseq.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    says, waits = fresh.directory / "says", fresh.directory / "says.waits"
    says.write_bytes((REPOSITORY / "tests/unit/curves/lr-0.06.log").read_bytes())
    waits.touch()
    milestone = "results/pretrain/mandarin/after-10-updates.pt"
    stopped = fresh.snakemake(milestone, "--retries", "1", FAKE_FAIRSEQ_SAYS=str(says))
    sentence = re.search(r"^error: (pretraining.mandarin was stopped by .*: collapse at .*)$", stopped.output, re.M)
    assert stopped.code != 0 and sentence and stopped.rules.count("pretrain") == 2, stopped.output
    (log,) = fresh.directory.glob("results/pretrain/mandarin/work/after-10-*/train.log")
    assert log.read_text() == says.read_text() + "\n"  # the second try said it without a trainer
    assert not (fresh.directory / milestone).exists()
    again = fresh.snakemake(milestone, FAKE_FAIRSEQ_SAYS=str(says))
    assert again.code != 0 and sentence[1] in again.output and log.read_text() == says.read_text() + "\n"
    waits.unlink()
    fresh.configure(pretraining__mandarin__guard="warn")
    warned = fresh.snakemake(milestone, FAKE_FAIRSEQ_SAYS=str(says))
    assert warned.code == 0 and "warning: pretraining.mandarin: collapse at update" in warned.output, warned.output
    (warning, _) = json.loads(fresh.read(milestone.replace(".pt", ".json")))["warnings"]
    assert warning.startswith("pretraining.mandarin: collapse at update")


def test_a_broken_wav_is_listed_and_the_rest_goes_on(fresh: Project) -> None:
    data = fresh.directory / "corpora/AISHELL-2/iOS/data"
    wav = data / "wav/C0001/IC0001W0003.wav"
    wav.write_bytes(wav.read_bytes()[:200])
    run = fresh.snakemake("results/pretrain/mandarin/manifest/train.tsv")
    assert run.code == 0, run.output
    rejected = fresh.read("results/corpora/aishell2/rejected.tsv").splitlines()
    assert len(rejected) == 2 and rejected[1].startswith("IC0001W0003\twav/C0001/IC0001W0003.wav\ttruncated")


@pytest.mark.slow
def test_a_wav_that_goes_or_comes_after_listing_is_noticed(fresh: Project) -> None:
    wav = fresh.directory / "corpora/AISHELL-2/iOS/data/wav/C0001/IC0001W0005.wav"
    assert fresh.snakemake("results/corpora/aishell2/without-leakage.tsv").code == 0
    wav.rename(fresh.directory / "elsewhere.wav")
    run = fresh.snakemake("results/pretrain/mandarin/manifest/train.tsv")
    assert run.code == 0 and "drop_leakage" in run.rules, run.output
    assert "IC0001W0005\twav/C0001/IC0001W0005.wav\tmissing" in fresh.read("results/corpora/aishell2/rejected.tsv")
    (fresh.directory / "elsewhere.wav").rename(wav)
    assert fresh.snakemake("results/pretrain/mandarin/manifest/train.tsv").code == 0
    assert "IC0001W0005" in fresh.read("results/corpora/aishell2/utterances.tsv")


def test_a_wav_damaged_after_listing_is_one_sentence(fresh: Project) -> None:
    fresh.snakemake("results/corpora/aishell2/without-leakage.tsv")
    wav = fresh.directory / "corpora/AISHELL-2/iOS/data/wav/C0001/IC0001W0005.wav"
    wav.write_bytes(bytes(wav.stat().st_size))  # of another size it would be listed again
    run = fresh.snakemake("results/pretrain/mandarin/manifest/train.tsv")
    sentences = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert run.code != 0 and any("IC0001W0005.wav: no audio" in sentence for sentence in sentences), run.output
    assert "Traceback" not in run.output


def test_a_given_checkpoint_is_taken_only_with_its_sha256(fresh: Project) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (workflow/envs/fairseq.yaml)")
    checkpoint = fresh.directory / "wav2vec small.pt"
    settings = {"cfg": {"model": {"mask_prob": 0.65}}, "optimizer_history": [{"num_updates": 7}]}
    torch.save(settings | {"model": {"digest": torch.zeros(32, dtype=torch.uint8)}}, checkpoint)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    experiments = [{"finetuning": "aishell1", "from": ["english"]}]
    score = "results/cer/aishell1/test/from/english/given/lr-0.1/seed-1.json"

    fresh.configure(experiments=experiments, checkpoints__english__path=str(checkpoint))
    run = fresh.snakemake(score)
    assert run.code != 0 and f"has sha256 {digest}" in run.output and "set checkpoints.english.sha256" in run.output
    assert not (fresh.directory / "results/pretrain/english/given.pt").exists()

    fresh.configure(
        experiments=experiments, checkpoints__english__path=str(checkpoint), checkpoints__english__sha256=digest
    )
    run = fresh.snakemake(score)
    assert run.code == 0, run.output
    assert json.loads(fresh.read(score))["cer"] == 0.9  # 7 updates: only the first of ten characters is heard
