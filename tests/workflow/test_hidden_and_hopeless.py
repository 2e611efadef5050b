"""Corpora with one planted example of each leak that hides and of each utterance that is too short, from their lists to
the table. Trainers are fakes.
"""

import json

import numpy as np
import pytest
import soundfile

from tests.parallel import once
from tests.workflow.conftest import Project, make, speak

ONE, TWO = "corpora/data_aishell", "corpora/AISHELL-2/iOS/data"
SPOKEN = "甲甲乙丙丁甲乙丙丁丁"  # by dev
DATED, LOST = "二零一六年的夏天", "他不来了"  # by test: sentences without wav are held out, too

# Of pre-training. What hides a leak stands in each but the last ones, which are no leaks.
LEAKS = {
    "IC0002W0001": ("甲\u200d甲\ufe00乙丙丁甲乙丙丁丁", "BAC009S0724W0900"),  # a joiner, a variation selector
    "IC0002W0002": ("\u202e甲甲乙丙丁\u00ad甲乙丙丁丁\u2069", "BAC009S0724W0900"),  # bidi marks, a soft hyphen
    "IC0002W0003": ("甲甲乙丙丁\ue000甲乙\x07丙丁丁\ufffd", "BAC009S0724W0900"),  # private use, a bell, a replacement
    "IC0002W0004": ("他\uf967来了", "BAC009S0764W0901"),  # a compatibility ideograph
}
NEAR = {
    "IC0002W0011": ("甲甲乙丙丁甲乙丙丁乙", "another character", "BAC009S0724W0900", SPOKEN),
    "IC0002W0012": ("甲甲乙乙丙丁甲乙丙丁丁", "one character more", "BAC009S0724W0900", SPOKEN),
    "IC0002W0013": ("甲甲乙丙\u200c甲乙丙丁丁", "one character less", "BAC009S0724W0900", SPOKEN),
    "IC0002W0014": ("我说甲甲乙丙丁甲乙丙丁丁吧", "contains it", "BAC009S0724W0900", SPOKEN),
    "IC0002W0015": ("2016年的夏天", "digits for numerals", "BAC009S0764W0900", DATED),
}
FAR = {"IC0002W0021": "丙丁甲乙", "IC0002W0022": "甲甲甲甲甲甲甲甲乙乙乙乙乙乙乙乙"}

# Of fine-tuning: subset and speaker, transcript, samples.
SHORT = {
    "BAC009S0002W0901": ("train/S0002", "甲乙", 100),
    "BAC009S0002W0902": ("train/S0002", "甲乙丙" * 20, 1600),
    "BAC009S0002W0903": ("train/S0002", "丁", 400 + 320 * 11),
    "BAC009S0002W0904": ("train/S0002", "丁丁丙丁丁丙丁丁丙丙", 400 + 320 * 12),
    "BAC009S0002W0905": ("train/S0002", "丁丁丙丁丁丙丁丁丙乙", 400 + 320 * 12),
    "BAC009S0724W0901": ("dev/S0724", "甲乙丙", 100),
    "BAC009S0764W0902": ("test/S0764", "甲乙丙丁丁", 100),
}
UNUSABLE = """utterance\tsubset\treason
BAC009S0002W0901\ttrain\t100 samples: the encoder hears 400 for a frame
BAC009S0002W0902\ttrain\t4 frames: CTC needs 60 for 60 tokens
BAC009S0002W0903\ttrain\t12 frames: masks of 10 need 13
BAC009S0002W0904\ttrain\t13 frames: CTC needs 14 for 10 tokens
BAC009S0724W0901\tdev\t100 samples: the encoder hears 400 for a frame
"""


def plant(project: Project) -> None:
    two = project.directory / TWO
    said = {name: transcript for name, (transcript, *_) in {**LEAKS, **NEAR}.items()} | FAR
    (two / "wav/C0002").mkdir()
    for number, name in enumerate(said):
        soundfile.write(two / f"wav/C0002/{name}.wav", speak("甲乙丙丁"[number % 4] * (number + 4)), 16000, "PCM_16")
    with (two / "wav.scp").open("a", encoding="utf-8") as scp, (two / "trans.txt").open("a", encoding="utf-8") as text:
        for name, transcript in said.items():
            scp.write(f"{name}\twav/C0002/{name}.wav\n")
            text.write(f"{name}\t{transcript}\n")
    one = project.directory / ONE
    noise = np.random.default_rng(1)
    lines = [f"BAC009S0764W0900 {DATED}\n", f"BAC009S0764W0901 {LOST}\n"]
    lines.append("BAC009S0724W0900 甲\u200d甲\u202e乙丙 丁\u00ad甲\ufe0f乙丙丁丁\ufeff\n")  # spoken as any other
    soundfile.write(one / "wav/dev/S0724/BAC009S0724W0900.wav", speak(SPOKEN), 16000, "PCM_16")
    for name, (folder, transcript, samples) in SHORT.items():
        soundfile.write(one / f"wav/{folder}/{name}.wav", noise.normal(0, 0.1, samples), 16000, "PCM_16")
        lines.append(f"{name} {transcript}\n")
    with (one / "transcript/aishell_transcript_v0.8.txt").open("a", encoding="utf-8") as file:
        file.writelines(lines)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Its table is made. It is to be looked at."""

    def finish(place) -> None:
        project = make(place / "a project")
        plant(project)
        run = project.snakemake()
        assert run.code == 0, run.output

    return Project(once(tmp_path_factory, "planted", finish) / "a project")


def rows(project: Project, table: str) -> dict[str, list[str]]:
    """The rows of a table by their first column."""
    return {line.split("\t")[0]: line.split("\t")[1:] for line in project.read(table).splitlines()[1:]}


def test_what_hides_a_leak_does_not(planted: Project) -> None:
    leaked = rows(planted, "results/corpora/aishell2/leaked.tsv")
    assert {name: leaked[name][1] for name in LEAKS} == {name: held for name, (_, held) in LEAKS.items()}
    assert leaked.keys() - LEAKS == {"IC0001W0001"}  # of every project
    kept = rows(planted, "results/corpora/aishell2/without-leakage.tsv").keys()
    assert not kept & leaked.keys() and kept >= NEAR.keys() | FAR.keys()


def test_near_repeats_are_listed_and_heard(planted: Project) -> None:
    near = rows(planted, "results/corpora/aishell2/near-leaks.tsv")
    expected = {name: [difference, held, text] for name, (_, difference, held, text) in NEAR.items()}
    assert {name: [near[name][4], near[name][1], near[name][3]] for name in NEAR} == expected
    assert not near.keys() & FAR.keys()
    lengths = [int(row[5]) for row in near.values()]
    assert lengths == sorted(lengths, reverse=True) and near["IC0002W0011"][5:] == ["10", "4"]
    log = planted.read("logs/drop_leakage/aishell2.log")
    assert f"{len(near)} utterances are nearly one of dev or test, which stay (near_leaks: report)" in log
    packed = planted.read("results/pretrain/mandarin/utterances/train.tsv")
    packed += planted.read("results/pretrain/mandarin/utterances/valid.tsv")
    assert all(name in packed for name in NEAR) and not any(name in packed for name in LEAKS)


def test_what_is_too_short_is_not_trained_on(planted: Project) -> None:
    assert planted.read("results/finetune/aishell1/unusable.tsv") == UNUSABLE
    train = planted.read("results/finetune/aishell1/data/train/text")
    dev = planted.read("results/finetune/aishell1/data/dev/text")
    assert [name for name in SHORT if name in train] == ["BAC009S0002W0905"], train
    assert "BAC009S0724W0901" not in dev and f"BAC009S0724W0900 {SPOKEN}\n" in dev


def test_it_is_transcribed_as_nothing_and_counts_as_deletions(planted: Project) -> None:
    """Of 3 and 1 sentences of 10 characters that are all heard, and one of 3 that is not; of 3, and one of 5."""
    below = "from/mandarin/after-20-updates/lr-0.1/seed-1"
    for subset, utterances, characters, missed, name in (
        ("dev", 5, 43, 3, "BAC009S0724W0901"),
        ("test", 4, 35, 5, "BAC009S0764W0902"),
    ):
        assert f"\n{name}\n" in "\n" + planted.read(f"results/transcripts/aishell1/{subset}/{below}/text")
        score = json.loads(planted.read(f"results/cer/aishell1/{subset}/{below}.json"))
        assert (score["utterances"], score["characters"]) == (utterances, characters)
        assert (score["substitutions"], score["deletions"], score["insertions"]) == (0, missed, 0)
    # 3 of 43 and 5 of 35; who hears the first character of each only misses 39 of 43 and 32 of 35
    table = planted.read("results/cer.md").splitlines()
    assert table[2:4] == ["| @10 updates | 90.7 | 91.4 |", "| @20 updates | 7.0 | 14.3 |"]


def test_near_repeats_go_where_the_config_says_so(planted: Project, fresh: Project) -> None:
    plant(fresh)
    fresh.configure(corpora__aishell2__near_leaks="drop")
    run = fresh.snakemake("results/corpora/aishell2/without-leakage.tsv")
    assert run.code == 0, run.output
    for table in ("leaked.tsv", "near-leaks.tsv"):
        assert fresh.read(f"results/corpora/aishell2/{table}") == planted.read(f"results/corpora/aishell2/{table}")
    before, after = (rows(project, "results/corpora/aishell2/without-leakage.tsv") for project in (planted, fresh))
    assert before.keys() - after.keys() == rows(fresh, "results/corpora/aishell2/near-leaks.tsv").keys() >= NEAR.keys()


def test_a_validation_part_of_short_files_ends_before_training(fresh: Project) -> None:
    recipe = "lr_scheduler: {total_num_update: 30}\ntask: {min_sample_size: 640000}\n"
    (fresh.directory / "fairseq.yaml").write_text(recipe, encoding="utf-8")
    run = fresh.snakemake("results/pretrain/mandarin/after-10-updates.pt", FAKE_FAIRSEQ_FAILS="1")
    (sentence,) = {line for line in run.output.splitlines() if line.startswith("error: ")}
    assert run.code != 0 and "Traceback" not in run.output
    assert "manifest/train.tsv: none of its" in sentence and "640000 samples of task.min_sample_size" in sentence


def test_a_checkpoint_of_coarser_frames_is_refused_in_one_sentence(fresh: Project) -> None:
    fresh.configure(finetuning__aishell1__receptive_field_ms=20)
    run = fresh.snakemake("results/finetune/aishell1/from/mandarin/after-10-updates/encoder.pt")
    (sentence,) = {line for line in run.output.splitlines() if line.startswith("error: ")}
    assert run.code != 0 and "Traceback" not in run.output
    assert sentence.endswith("set receptive_field_ms: 25 of the task"), sentence
