"""Ordinary changes, each of which has broken one plain run before, or asked too late, or for nothing."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest
import soundfile

from tests.workflow import changes
from tests.workflow.changes import State
from tests.workflow.conftest import Project, Run, speak
from tests.workflow.test_random_changes import CONSENT, jobs_of
from tests.workflow.test_reruns import MILESTONES, configure, edit, edit_recipe, jobs, trained

EPOCHS = "results/finetune/aishell1/from/mandarin/after-10-updates/lr-0.1/seed-1/epochs"
SLOW = {"FAKE_SLEEP": "4"}  # jobs end in any order


def plain(project: Project, *words: str) -> Run:
    """One run is enough, and no table is written before its trace."""
    run = project.snakemake(*words, **SLOW)
    order = [rule for rule, _ in jobs_of(run)]
    assert run.code == 0, run.output
    assert order.index("trace") < order.index("tabulate") if "trace" in order else True
    assert project.snakemake("-n").nothing
    return run


def correct(project: Project, of: str, before: str, after: str) -> None:
    """Correct a character in the first transcript of a speaker of AISHELL-1."""
    path, lines = changes.lines_of(State(project), "aishell1")
    number = next(number for number, line in enumerate(lines) if of in line and before in line)
    lines[number] = lines[number].replace(before, after, 1)
    changes.write_lines(path, lines)


@pytest.mark.parametrize("speaker", ["S0002", "S0724"])
def test_a_corrected_transcript_of_train_or_dev(project: Project, speaker: str) -> None:
    correct(project, speaker, "甲", "乙")
    assert trained(plain(project)) == {"finetune": 3}


def test_a_corrected_transcript_of_test_is_scored_and_nothing_more(project: Project) -> None:
    correct(project, "S0764", "甲", "乙")
    ran = jobs(plain(project))
    assert ran["score_cer"] == 6 and not {"finetune", "average_weights", "transcribe"} & set(ran)


def test_a_milestone_that_goes_beside_other_changes(project: Project) -> None:
    configure(project, pretraining__mandarin__milestones=[20], pretraining__mandarin__audio_shards=3)
    shutil.rmtree(project.directory / EPOCHS)
    assert trained(plain(project)) == {}


def test_epochs_that_were_deleted_are_missed_by_nobody(project: Project) -> None:
    """Not when dates change, nor when all is transcribed anew: the average has what that needs."""
    shutil.rmtree(project.directory / EPOCHS)
    assert project.snakemake().nothing
    for path in (project.directory / "results").rglob("*"):
        os.utime(path)
    assert trained(project.snakemake()) == {}
    edit(project.repository / "scripts/evaluate/transcribe.py", "\ndef main", "\nNEW = 1\n\n\ndef main")
    ran = jobs(plain(project))
    assert ran["transcribe"] == 3 and "finetune" not in ran


def test_lists_that_were_deleted_are_made_again_when_they_are_needed(project: Project) -> None:
    shutil.rmtree(project.directory / "results/corpora")
    assert project.snakemake().nothing
    configure(project, finetuning__aishell1__seeds=[1, 2])
    ran = jobs(plain(project))
    assert ran["list_utterances"] >= 1 and ran["finetune"] == ran["transcribe"] == 3


HALVES = (
    "results/finetune/aishell1/data/tokens.txt",
    f"{EPOCHS}/1epoch.pth",
    "results/corpora/aishell1/utterances.json",
    "results/pretrain/mandarin/utterances/train.json",
    "results/pretrain/mandarin/audio/train-0001.json",
    "results/pretrain/mandarin/best-until-20-updates.json",
)


def test_halves_of_parts_that_were_deleted_are_made_again_when_they_are_needed(project: Project) -> None:
    for name in HALVES:
        (project.directory / name).unlink()
    assert trained(project.snakemake()) == {}
    edit(project.repository / "scripts/corpora/write_manifest.py", "\ndef main", "\nNEW = 1\n\n\ndef main")
    configure(project, finetuning__aishell1__average_last=3, finetuning__aishell1__seeds=[1, 2])
    assert trained(plain(project)) == {"finetune": 4}  # three of the new seed, and one that publishes its epochs again


@pytest.mark.parametrize("name", ["cer.tsv", "cer.md", "provenance.json", "config.yaml", "cer-by-updates.svg"])
def test_a_result_that_was_deleted_is_made_again(project: Project, name: str) -> None:
    before = project.read(f"results/{name}")
    (project.directory / "results" / name).unlink()
    assert trained(plain(project)) == {}
    if name != "provenance.json":  # which says when the trace was made
        assert project.read(f"results/{name}").replace("-dirty", "") == before.replace("-dirty", "")


def test_what_is_packed_otherwise_is_heard_as_before(project: Project) -> None:
    configure(project, pretraining__mandarin__audio_shards=3)
    ran = jobs(plain(project))
    assert ran["concatenate"] == 3 and not {"pretrain", "finetune"} & set(ran)


def test_other_bytes_of_the_same_names_are_heard_when_they_are_packed(project: Project) -> None:
    """In the middle of a run, so that it ends before anything is trained."""
    _, of_train = project.read("results/pretrain/mandarin/utterances/train.tsv").splitlines()[:2]
    wav = project.directory / changes.ROOTS["aishell2"] / of_train.split("\t")[1]
    wav.write_bytes(wav.read_bytes()[:-2] + b"\x12\x34")
    assert project.snakemake().nothing  # what is in a wav is not looked at
    configure(project, pretraining__mandarin__audio_shards=3)
    refused = project.snakemake()
    assert refused.code != 0 and "would be trained again, because of data." in refused.output
    assert trained(plain(project, *CONSENT))["pretrain"] == 3


def archives(project: Project) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (project.directory / MILESTONES / "audio").iterdir()}


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_other_lists_are_asked_about_before_audio_is_replaced(project: Project, quiet: tuple[str, ...]) -> None:
    """Undoing them is enough, although the lists have been split by then."""
    state = State(project)
    path, lines = changes.lines_of(state, "aishell2")
    before, audio = path.read_text(encoding="utf-8"), archives(project)
    changes.write_lines(path, lines[:-1])
    assert "may be trained again" not in project.snakemake("-n").output
    for _ in range(2):
        refused = project.snakemake(*quiet)
        assert refused.code != 0
        asked = f"error: {MILESTONES}/after-10-updates.pt and 2 more are finished and may be trained again, because of"
        assert asked in refused.output, refused.output
        assert archives(project) == audio
    path.write_text(before, encoding="utf-8")
    assert trained(plain(project)) == {} and archives(project) == audio
    changes.write_lines(path, lines[:-1])
    assert trained(plain(project, *CONSENT))["pretrain"] == 3


def test_a_key_of_the_audio_is_asked_about_before_anything_runs(project: Project) -> None:
    everything = {path: path.read_bytes() for path in (project.directory / "results").rglob("*") if path.is_file()}
    configure(project, pretraining__mandarin__utterances_per_file=3)
    dry = project.snakemake("-n")
    assert dry.code == 0 and "because of utterances_per_file (6 -> 3): undo that, or say --config" in dry.output
    refused = project.snakemake()
    assert refused.code != 0 and refused.rules == []
    assert {path: path.read_bytes() for path in everything} == everything
    configure(project)
    assert project.snakemake().nothing


def test_leave_costs_nothing_where_the_same_is_heard(project: Project) -> None:
    """Another fraction that holds out the same utterances."""
    configure(project, pretraining__mandarin__validation_fraction=0.3001)
    assert project.snakemake().code != 0
    assert trained(plain(project, *CONSENT)) == {}
    assert project.snakemake().nothing


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"finetuning__aishell1__mask_prob": 0.2}, {"finetune": 3}),
        ({"pretraining__mandarin__seed": 2}, {"pretrain": 3, "finetune": 3}),
        ({"pretraining__mandarin__audio_shards": 3}, {}),
        ({"pretraining__mandarin__validation_fraction": 0.2}, {"pretrain": 3, "finetune": 3}),
        ({"finetuning__aishell1__label": "A"}, {}),
    ],
    ids=lambda value: "-".join(value),
)
def test_what_snakemake_has_forgotten_is_in_the_sidecars(project: Project, change: dict, expected: dict) -> None:
    shutil.rmtree(project.directory / ".snakemake")
    configure(project, **change)
    assert trained(plain(project, *CONSENT)) == expected


def test_a_recipe_of_fine_tuning_that_changes_without_snakemakes_memory(project: Project) -> None:
    shutil.rmtree(project.directory / ".snakemake")
    edit_recipe(project, "espnet", seed=7)
    assert trained(plain(project)) == {"finetune": 3}


def test_wavs_that_go_and_come(project: Project) -> None:
    wav = project.directory / "corpora/data_aishell/wav/test/S0764/BAC009S0764W0001.wav"
    content, scores = wav.read_bytes(), project.read("results/cer.tsv")
    time.sleep(0.01)
    wav.unlink()
    ran = jobs(plain(project))
    assert ran["transcribe"] == 3 and ran["score_cer"] == 6 and "finetune" not in ran
    assert project.read("results/cer.tsv") != scores
    wav.write_bytes(content)
    plain(project)
    assert project.read("results/cer.tsv") == scores


def test_wavs_exchanged_under_their_names(project: Project) -> None:
    """Of another size they are seen at once, in whatever way they came; of the same size by a look."""
    root = project.directory / "corpora"
    test, train = (
        root / f"data_aishell/wav/{name}W0001.wav" for name in ("test/S0764/BAC009S0764", "train/S0002/BAC009S0002")
    )
    heard = root / "AISHELL-2/iOS/data/wav/C0001/IC0001W0002.wav"
    date = test.parent.stat().st_mtime_ns
    soundfile.write(test, speak("甲乙丙丁"), 16_000, subtype="PCM_16")
    os.utime(test.parent, ns=(date, date))
    ran = jobs(plain(project))
    assert ran["transcribe"] == 3 and "finetune" not in ran

    look = ("--config", "look_again=True")
    for wav, text in ((test, "丁丙乙甲"), (train, "甲" * 10), (heard, "乙" * 12)):
        assert "list_utterances" in jobs(project.snakemake(*look)) and project.snakemake("-n").nothing
        size = wav.stat().st_size
        soundfile.write(wav, speak(text), 16_000, subtype="PCM_16")
        assert wav.stat().st_size == size and project.snakemake("-n").nothing
        run = project.snakemake(*look)
        if wav == heard:
            assert run.code != 0 and "other audio" in run.output and "pretrain" not in run.rules, run.output
        else:
            ran = jobs(run)
            assert (ran["transcribe"], ran.get("finetune", 0)) == (3, 3 * (wav == train))


def test_a_plan_that_is_made_anew_between_an_average_and_the_end_of_its_job(project: Project) -> None:
    """As another checkpoint ends just then. Snakemake once took all below for done, and ended well without a table."""
    average = str(Path(EPOCHS.replace("after-10", "after-20")).with_name("average-of-last-2.json"))
    encoder = "results/finetune/aishell1/from/mandarin/after-30-updates/encoder.json"  # of the best
    for module, where, until, more in (
        ("prepare_encoder", "    sidecars.write(", ("/after-30-", average), 0),
        ("average_weights", "    print(", ("/after-20-", encoder), 2),
    ):
        wait = "    while {!r} in str(arguments.output) and not Path({!r}).exists():\n        pass\n".format(*until)
        wait += f"    import time\n    time.sleep({more})\n"
        edit(project.repository / f"scripts/finetune/{module}.py", f"\n{where}", f"\n{wait}{where}")
    configure(project, pretraining__mandarin__milestones=[20])
    for name in ("results", "logs", "benchmarks", ".snakemake"):
        shutil.rmtree(project.directory / name)
    plain(project)
    assert (project.directory / "results/cer.md").exists()


def test_a_module_that_moves_runs_nothing(project: Project) -> None:
    """One that decides the bits of both trainings, and one of a cheap step, each with what imports it."""
    scripts = project.repository / "scripts"
    (scripts / "common/deeper").mkdir()
    (scripts / "common/deeper/__init__.py").touch()
    for module in ("trainers/masks", "evaluate/alignment"):
        (scripts / f"{module}.py").rename(scripts / f"common/deeper/{Path(module).name}.py")
    for path in scripts.rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("scripts.evaluate.alignment", "scripts.common.deeper.alignment")
        if match := re.search(r"^from scripts\.trainers import .*\bmasks\b.*$", text, re.MULTILINE):
            others = match[0].replace("masks, ", "").replace(", masks", "")
            text = text.replace(match[0], f"{others}\nfrom scripts.common.deeper import masks")
        path.write_text(text, encoding="utf-8")
    moved = "from scripts.common.deeper import masks"
    assert all(
        moved in (scripts / path).read_text()
        for path in ("pretrain/fairseq_numerics.py", "finetune/espnet_numerics.py")
    )
    assert project.snakemake().nothing
