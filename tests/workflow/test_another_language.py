"""The page on another language, followed to its table: Kaldi directories with segments, its overlay, two recipes."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import yaml

from scripts.common.tables import read_table, read_utterances
from scripts.results.tabulate import CER_COLUMNS
from tests.parallel import once
from tests.workflow.conftest import REPOSITORY, Project, make, speak
from tests.workflow.test_reruns import TABLE

PAGE = (REPOSITORY / "docs/another-language.md").read_text(encoding="utf-8")
SAID = {  # as they stand in its lists: capitals and commas, which the overlay takes away
    "train": ["Абв г", "а бв", "Г, аб", "вг", "аб гв а", "ба", "г в", "ваг", "аа б", "гг а", "бв а", "в"],
    "dev": ["аб вг", "г а"],
    "test": ["Вг аб а", "б"],
}


def lay_out(root: Path) -> None:
    """A stereo recording of 44.1 kHz a subset, with a second of silence before each utterance."""
    for subset, transcripts in SAID.items():
        (root / subset).mkdir(parents=True)
        lists: dict[str, list[str]] = {name: [] for name in ("wav.scp", "text", "utt2spk", "segments")}
        lists["wav.scp"].append(f"{subset} audio/{subset}.flac")
        speech = np.zeros(0)
        for number, said in enumerate(transcripts):
            spoken = speak(said.lower().replace(",", ""))
            start, end = (n / 16_000 for n in (len(speech) + 16_000, len(speech) + 16_000 + len(spoken)))
            speech = np.concatenate([speech, np.zeros(16_000), spoken])
            name = f"{subset}-{number:02}"
            lists["text"].append(f"{name} {said}")
            lists["utt2spk"].append(f"{name} S{number % 2}-{subset}")
            lists["segments"].append(f"{name} {subset} {start} {end}")
        for name, lines in lists.items():
            (root / subset / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        (root / "audio").mkdir(exist_ok=True)
        resampled = soxr.resample(speech, 16_000, 44_100)
        soundfile.write(root / f"audio/{subset}.flac", np.stack([resampled, resampled], axis=1), 44_100)


def follow(directory: Path) -> Project:
    """What the page says, but for the fakes' recipes and as many updates; 0 updates would need a real model."""
    block, *_ = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    project = make(directory)
    shutil.rmtree(project.directory / "corpora/AISHELL-2")
    shutil.rmtree(project.directory / "corpora/data_aishell")
    lay_out(project.directory / "corpora/russian")
    shutil.copy(project.directory / "fairseq.yaml", project.directory / "pretrain.yaml")
    shutil.copy(project.directory / "espnet.yaml", project.directory / "finetune.yaml")
    overlay = yaml.safe_load(block.replace("/home/me", str(project.directory)))
    run = {"validation_fraction": 0.3, "audio_shards": 1, "updates": 20, "milestones": [10, 20], "effective_gpus": 1}
    overlay["pretraining"]["russian-base"] |= run
    overlay["finetuning"]["russian"] |= {"average_last": 2, "learning_rates": [0.1]}
    overlay["experiments"][0]["from"].remove("english")
    (project.directory / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(once(tmp_path_factory, "language", finish) / "runs/russian")


def finish(place: Path) -> None:
    project = follow(place / "runs/russian")
    run = project.snakemake()
    assert run.code == 0, run.output
    assert project.snakemake("-n").nothing


def test_another_error_rate(project: Project, tmp_path: Path) -> None:
    """It is of the same transcripts: what was wrong in words is counted, compared and listed, and nothing else runs."""
    directory = tmp_path / "a copy"
    shutil.copytree(project.directory, directory, symlinks=True)
    overlay = directory / "overlay.yaml"
    overlay.write_text(overlay.read_text().replace("word_boundary: true", "word_boundary: true\n    metric: wer"))
    copy = Project(directory)
    run = copy.snakemake()
    assert run.code == 0, run.output
    assert set(run.rules) == {"score_cer", "list_errors", "write_config", "write_report", "all"} | TABLE
    assert copy.snakemake("-n").nothing
    table = copy.read("results/cer.md").splitlines()
    assert table[0] == "| Russian | dev WER | test WER |" and table[3] == "| @20 updates | 0.0 | 0.0 |"
    assert "- Word error rate in percent on 2 utterances of dev and 2 utterances of test; one seed." in table
    scores = read_table(directory / "results/cer.tsv", CER_COLUMNS)
    assert set(scores["metric"]) == {"wer"} and set(scores["characters"]) == {"4"}
    branch = "russian/from/russian-base/after-20-updates/lr-0.1/seed-1"
    assert "\tвг аб а\tвг аб а\tCCC\tвг аб а\n" in copy.read(f"results/errors/{branch}/test.tsv")


def test_the_page_leads_from_a_kaldi_directory_to_a_table(project: Project) -> None:
    corpus = project.directory / "results/corpora/russian"
    utterances = read_utterances(corpus / "utterances.tsv")
    assert read_table(corpus / "rejected.tsv", ["utterance", "path", "reason"]).empty
    expected = {
        f"{subset}-{number:02}": said.lower().replace(",", "")
        for subset, transcripts in SAID.items()
        for number, said in enumerate(transcripts)
    }
    assert dict(zip(utterances["utterance"], utterances["transcript"], strict=True)) == expected
    assert all(row.samples == 1_600 * len(row.transcript) for row in utterances.itertuples())
    assert "case: lower changed 3 transcripts" in project.read("logs/list_utterances/russian.log")
    assert "punctuation: drop changed 1 transcripts" in project.read("logs/list_utterances/russian.log")
    branch = "from/russian-base/after-20-updates/lr-0.1/seed-1"
    heard = project.read(f"results/transcripts/russian/test/{branch}/text").splitlines()
    assert heard == ["test-00 вг аб а", "test-01 б"]
    table = project.read("results/cer.md").splitlines()
    assert (
        table[0] == "| Russian | dev | test | dev WER | test WER |"
        and "| @20 updates | 0.0 | 0.0 | 0.0 | 0.0 |" in table
    )
