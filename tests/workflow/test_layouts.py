"""Corpora in every layout but AISHELL's go through the whole workflow, from other audio to a table."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from scripts.common.tables import read_utterances
from tests.parallel import once
from tests.workflow.conftest import CHARACTERS, Project, make, speak

Said = dict[str, dict[str, str]]  # transcripts by subset and id
SPEAKERS = {"train": "19", "dev": "84", "test": "61"}


def sentences(seed: int) -> Said:
    """Sentences of ten characters; each is an utterance of a second."""
    rng = random.Random(seed)
    counts = {"train": 8, "dev": 2, "test": 3}
    return {
        subset: {
            f"{SPEAKERS[subset]}-{seed}-{n:04}": "".join(rng.sample(CHARACTERS * 3, 10)) for n in range(counts[subset])
        }
        for subset in counts
    }


def write(path: Path, samples: np.ndarray, rate: int, channels: int = 1) -> None:
    """16 kHz samples at another rate, the same in each channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.tile(soxr.resample(samples, 16_000, rate)[:, None], channels), rate)


def write_lines(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def kaldi(root: Path, said: Said) -> None:
    """One stereo recording of 44.1 kHz a subset, its utterances half a second apart in segments."""
    for subset, transcripts in said.items():
        pause = np.zeros(8_000)
        write(
            root / f"{subset}.flac",
            np.concatenate([np.append(speak(t), pause) for t in transcripts.values()]),
            44_100,
            2,
        )
        folder = root / "data" / subset
        write_lines(folder / "wav.scp", [f"R-{subset} {root.resolve()}/{subset}.flac"])
        write_lines(folder / "text", (f"{name} {said}" for name, said in transcripts.items()))
        write_lines(folder / "utt2spk", (f"{name} {SPEAKERS[subset]}" for name in transcripts))
        starts = [1.5 * n for n in range(len(transcripts))]
        write_lines(
            folder / "segments", (f"{u} R-{subset} {s} {s + 1}" for u, s in zip(transcripts, starts, strict=True))
        )


def commonvoice(root: Path, said: Said) -> None:
    for subset, transcripts in said.items():
        rows = (f"{SPEAKERS[subset] * 64}\t{name}.mp3\t{said}\t2" for name, said in transcripts.items())
        write_lines(root / f"{subset}.tsv", ("client_id\tpath\tsentence\tup_votes", *rows))
        for name, said in transcripts.items():
            write(root / "clips" / f"{name}.mp3", speak(said), 32_000)


def librispeech(root: Path, said: Said) -> None:
    for subset, transcripts in said.items():
        chapter = next(iter(transcripts)).rsplit("-", 1)[0]
        folder = root / {"train": "train-clean-100"}.get(subset, f"{subset}-clean") / chapter.replace("-", "/")
        write_lines(folder / f"{chapter}.trans.txt", (f"{name} {said}" for name, said in transcripts.items()))
        for name, said in transcripts.items():
            write(folder / f"{name}.flac", speak(said), 16_000)


LAYOUTS = {"kaldi": kaldi, "commonvoice": commonvoice, "librispeech": librispeech}
SAID = {name: sentences(seed) for seed, name in enumerate(LAYOUTS, 1)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Its one model hears all three layouts and AISHELL-2, and is fine-tuned on each of the three."""
    return Project(once(tmp_path_factory, "layouts", finish) / "a project")


def finish(place: Path) -> None:
    project = make(place / "a project")
    corpora, tasks = {}, {}
    for name, lay_out in LAYOUTS.items():
        root = project.directory / "corpora" / name
        lay_out(root, SAID[name])
        place = f"corpora/{name}/data" if name == "kaldi" else f"corpora/{name}"
        corpora[name] = {"format": name, "root": place, "without_transcripts_of": [name], "convert": True}
        task = {"label": name, "corpus": name, "recipe": str(project.directory / "espnet.yaml"), "mask_prob": None}
        tasks[f"finetuning__{name}"] = task | {"learning_rates": [0.1], "seeds": [1], "average_last": 2}
    project.configure(
        **{f"corpora__{name}": corpus for name, corpus in corpora.items()},
        **tasks,
        pretraining__mandarin__corpus=["librispeech", "aishell2", "kaldi", "commonvoice"],
        experiments=[{"finetuning": name, "from": ["mandarin"]} for name in LAYOUTS],
    )
    run = project.snakemake()
    assert run.code == 0, run.output
    assert project.snakemake("-n").nothing


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_utterance_has_its_length_and_its_transcript(project: Project, layout: str) -> None:
    folder = project.directory / "results/corpora" / layout
    assert (folder / "rejected.tsv").read_text() == "utterance\tpath\treason\n"
    utterances = read_utterances(folder / "utterances.tsv")
    known = {(subset, name): text for subset, texts in SAID[layout].items() for name, text in texts.items()}
    assert {(row.subset, row.utterance): row.transcript for row in utterances.itertuples()} == known
    assert set(utterances["samples"]) == {16_000}
    assert all(soundfile.info(folder / "audio" / path).frames == 16_000 for path in utterances["path"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_heard_is_what_was_said(project: Project, layout: str) -> None:
    """The fakes hear tones: after 20 updates each, from audio that was cut, mixed down, resampled and decoded."""
    branch = "from/mandarin/after-20-updates/lr-0.1/seed-1"
    heard = project.read(f"results/transcripts/{layout}/test/{branch}/text")
    assert dict(line.split(" ") for line in heard.splitlines()) == SAID[layout]["test"]
    score = json.loads(project.read(f"results/cer/{layout}/test/{branch}.json"))
    assert (score["cer"], score["characters"]) == (0, 30)
    assert f"| {layout} |" in project.read("results/cer.md") and "published" not in project.read("results/cer.md")


def test_pre_training_hears_train_of_each_corpus_in_turn(project: Project) -> None:
    lists = [
        pd.read_csv(project.directory / f"results/pretrain/mandarin/utterances/{s}.tsv", sep="\t")
        for s in ("train", "valid")
    ]
    for table in lists:
        assert list(dict.fromkeys(table["utterance"].str.split("/").str[0])) == [
            "librispeech",
            "aishell2",
            "kaldi",
            "commonvoice",
        ]
    counts = pd.concat(lists)["utterance"].str.split("/").str[0].value_counts().to_dict()
    assert counts == {"aishell2": 23, "librispeech": 8, "kaldi": 8, "commonvoice": 8}  # one of aishell2 leaks
    parts = sorted((project.directory / "results/pretrain/mandarin/audio").glob("*.tsv"))
    names = [line.split("\t")[2] for part in parts for line in part.read_text(encoding="utf-8").splitlines()]
    assert all(first.split("/")[0] == last.split("/")[0] for first, last in (name.split("..") for name in names))


def test_audio_that_was_deleted_is_made_again_only_if_it_is_needed(project: Project, tmp_path: Path) -> None:
    """Once everything is made from it, converted audio may go."""
    copy = Project(tmp_path / "a project")
    shutil.copytree(project.directory, copy.directory, symlinks=True)
    shutil.rmtree(copy.directory / "results/corpora/kaldi/audio")
    dry = copy.snakemake("-n")
    assert dry.nothing, dry.output
