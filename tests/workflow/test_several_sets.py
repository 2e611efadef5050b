"""A task with several test sets: a column each, in whatever is made of scores; and what another one costs."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from scripts.common.tables import read_table
from scripts.results.tabulate import CER_COLUMNS
from tests.parallel import once
from tests.workflow.conftest import CHARACTERS, Project, make, speak
from tests.workflow.test_reruns import TABLE

FOLDERS = {"train": 8, "dev": 3, "test": 3, "test_other": 3}  # how many utterances lie in each
SETS = ["dev", "test", "test-other"]
TAIL = "from/mandarin/after-{}-updates/lr-0.1/seed-1"
MILESTONES = (10, 20)


def lay_out(root: Path, leak: str) -> None:
    """A Kaldi directory a subset. What pre-training would hear as well is said in test_other."""
    chance = random.Random(5)
    for folder, count in FOLDERS.items():
        said = {f"{folder}-{n}": "".join(chance.choices(CHARACTERS, k=10)) for n in range(count)}
        if folder == "test_other":
            said[f"{folder}-0"] = leak
        (root / folder).mkdir(parents=True)
        for name, transcript in said.items():
            soundfile.write(root / folder / f"{name}.wav", speak(transcript), 16_000, subtype="PCM_16")
        lists = {
            "wav.scp": [f"{name} {folder}/{name}.wav" for name in said],
            "text": [f"{name} {transcript}" for name, transcript in said.items()],
            "utt2spk": [f"{name} {folder}-s{number % 2}" for number, name in enumerate(said)],
        }
        for name, lines in lists.items():
            (root / folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def configure(project: Project, **keys: object) -> None:
    sets = {"format": "kaldi", "root": "corpora/sets", "without_transcripts_of": [], "audio_in_report": True}
    project.configure(
        corpora__sets=sets,
        corpora__aishell2__without_transcripts_of=["sets"],
        finetuning__aishell1__corpus="sets",
        pretraining__mandarin__updates=20,
        pretraining__mandarin__milestones=list(MILESTONES),
        pretraining__mandarin__best=False,
        **keys,
    )


def finish(place: Path) -> None:
    """First with the test set alone, then with another one."""
    project = make(place / "a project")
    said = dict(line.split("\t") for line in project.read("corpora/AISHELL-2/iOS/data/trans.txt").splitlines())
    lay_out(project.directory / "corpora/sets", said["IC0001W0005"])
    for name, tests in (("alone", "test"), ("more", ["test", "test-other"])):
        configure(project, finetuning__aishell1__test=tests)
        run = project.snakemake()
        assert run.code == 0, run.output
        (place / name).write_text(json.dumps(Counter(run.rules)))
    assert project.snakemake("-n").nothing


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "sets", finish)


@pytest.fixture
def project(place: Path) -> Project:
    return Project(place / "a project")


def test_another_test_set_costs_its_own_transcripts_and_scores(place: Path) -> None:
    """What dev and test say is not transcribed again, nor is anything trained; that it is held out was known before."""
    ran = json.loads((place / "more").read_text())
    alone = json.loads((place / "alone").read_text())
    assert (alone["transcribe"], alone["list_errors"]) == (2, 2)
    own = {"transcribe_subset": 2, "score_cer": 2, "list_errors_of_subset": 6}
    assert {rule: ran[rule] for rule in own} == own
    assert ran.keys() == own.keys() | TABLE | {"write_config", "write_report", "all"}


def test_pre_training_hears_no_sentence_of_any_test_set(project: Project) -> None:
    leaked = [line.split("\t") for line in project.read("results/corpora/aishell2/leaked.tsv").splitlines()[1:]]
    assert [(line[0], line[3]) for line in leaked] == [("IC0001W0005", "test-other")]


def test_a_column_each(project: Project) -> None:
    table = project.read("results/cer.md").splitlines()
    assert table[0] == "| AISHELL-1 | dev | test | test-other |"
    assert table[2] == "| @10 updates | 90.0 | 90.0 | 90.6 |"  # the leak has two characters more: 29 of 32
    assert table[3] == "| @20 updates | 0.0 | 0.0 | 0.0 |"
    (head,) = [line for line in table if line.startswith("| Certainty |")]
    assert "test-other, 95 % over speakers" in head and "to the row above, test-other" in head
    scores = read_table(project.directory / "results/cer.tsv", CER_COLUMNS)
    assert list(scores["subset"]) == SETS * 2 and set(scores["speakers"]) == {"2"}
    assert scores.query("subset == 'test-other' and updates == '20'")["p_above"].item() == "0.5"


def test_what_is_misheard_is_told_of_each(project: Project) -> None:
    for updates in MILESTONES:
        for subset in SETS:
            path = f"results/errors/aishell1/{TAIL.format(updates)}/{subset}.tsv"
            assert len(project.read(path).splitlines()) == 4, path
    lines = [line.split("\t") for line in project.read("results/errors/rates.tsv").splitlines()]
    every = [line[7] for line in lines if line[8] == "all"]
    assert every == SETS * 2
    assert "test-other" in project.read("results/errors/kinds.svg")


def test_provenance_and_report_speak_of_each(project: Project) -> None:
    provenance = json.loads(project.read("results/provenance.json"))
    assert [number["subset"] for number in provenance["numbers"]] == SETS * 2
    assert f"results/transcripts/aishell1/test-other/{TAIL.format(20)}/text" in provenance["parts"]
    page = project.read("results/report.html")
    assert "<code>test-other: test_other-0</code>" in page and "<code>test: test-0</code>" in page
