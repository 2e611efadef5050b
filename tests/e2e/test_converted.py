"""Real speech as 44.1 kHz stereo FLAC in Kaldi directories with segments, through real fairseq and real ESPnet."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import yaml

from scripts.common.tables import read_utterances
from tests.e2e.small_demo import BIN, REPOSITORY, quick_imports
from tests.e2e.steps import call
from tests.places import sample_script

pytestmark = pytest.mark.e2e
PAUSE = 0.1  # seconds between two utterances of a recording


def list_corpus(layout: str, root: Path, folder: Path, *words: str) -> Path:
    tables = {name: folder / f"{name}.tsv" for name in ("utterances", "rejected", "heldout")}
    options = [word for name, path in tables.items() for word in (f"--{name}", path)]
    listed = ["-m", "scripts.corpora.list_utterances", "--format", layout, "--root", root, *options, *words]
    made = call([sys.executable, *map(str, listed)])
    assert made.returncode == 0, made.stdout
    return tables["utterances"]


def as_kaldi(utterances: Path, root: Path, kaldi: Path) -> None:
    """A recording a speaker, in two channels whose mean is the speech, and a Kaldi directory a subset."""
    table = read_utterances(utterances)
    for (subset, speaker), rows in table.groupby(["subset", "speaker"]):
        folder, pieces, at = kaldi / subset, [], 0
        folder.mkdir(parents=True, exist_ok=True)
        lists = {
            name: (folder / name).open("a", encoding="utf-8") for name in ("wav.scp", "text", "utt2spk", "segments")
        }
        lists["wav.scp"].write(f"{speaker} audio/{speaker}.flac\n")
        for row in rows.itertuples():
            samples = soundfile.read(root / row.path)[0]
            pieces += [samples, np.zeros(round(PAUSE * 16_000))]
            lists["text"].write(f"{row.utterance} {row.transcript}\n")
            lists["utt2spk"].write(f"{row.utterance} {speaker}\n")
            lists["segments"].write(f"{row.utterance} {speaker} {at / 16_000!r} {(at + row.samples) / 16_000!r}\n")
            at += row.samples + len(pieces[-1])
        for file in lists.values():
            file.close()
        speech = soxr.resample(np.concatenate(pieces), 16_000, 44_100, quality="VHQ")
        tilt = 0.05 * np.sin(np.arange(len(speech)) / 100)  # what is in one channel alone, and against it in the other
        (kaldi / "audio").mkdir(exist_ok=True)
        soundfile.write(kaldi / "audio" / f"{speaker}.flac", np.stack([speech + tilt, speech - tilt], axis=1), 44_100)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as it is distributed, and its AISHELL-1 as Kaldi directories beside it."""
    place = tmp_path_factory.mktemp("converted")
    subprocess.run([sys.executable, sample_script(), place / "corpora"], check=True, capture_output=True)
    listed = list_corpus("aishell1", place / "corpora/data_aishell", place / "plain")
    as_kaldi(listed, place / "corpora/data_aishell", place / "corpora/kaldi")
    return place


def test_lengths_and_transcripts_are_those_of_the_plain_wavs(corpora: Path) -> None:
    converted = list_corpus("kaldi", corpora / "corpora/kaldi", corpora / "kaldi", "--convert")
    plain, other = (read_utterances(path) for path in (corpora / "plain/utterances.tsv", converted))
    assert plain.drop(columns="path").equals(other.drop(columns="path")) and len(plain) > 100


def test_converted_speech_goes_to_a_table(corpora: Path) -> None:
    """Nothing of a repository is edited: an overlay, and recipes cut short."""
    recipe = yaml.safe_load((REPOSITORY / "config/finetune/demo.yaml").read_text()) | {"max_epoch": 2}
    (corpora / "espnet.yaml").write_text(yaml.safe_dump(recipe | {"keep_nbest_models": 2}))
    corpus = {"format": "kaldi", "root": "corpora/kaldi", "without_transcripts_of": [], "convert": True}
    overlay = {
        "corpora": {"kaldi": corpus},
        "pretraining": {"mandarin": {"corpus": ["aishell2", "kaldi"], "updates": 4, "milestones": [4], "best": False}},
        "finetuning": {"aishell1": {"corpus": "kaldi", "recipe": str(corpora / "espnet.yaml"), "average_last": 2}},
    }
    (corpora / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    words = ["--profile", "profiles/demo", "--configfile", "config/sample.yaml", corpora / "overlay.yaml"]
    environment = os.environ | quick_imports()
    call = [BIN / "snakemake", *words, "--directory", corpora]
    run = subprocess.run(call, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (row,) = [line for line in (corpora / "results/cer.md").read_text().splitlines() if line.startswith("| @4")]
    assert all(float(cell) > 0 for cell in row.split("|")[2:4])
    audio = corpora / "results/corpora/kaldi/audio"
    made = read_utterances(corpora / "results/corpora/kaldi/utterances.tsv").head(20)
    plain = read_utterances(corpora / "plain/utterances.tsv").head(20)
    for one, other in zip(made.itertuples(), plain.itertuples(), strict=True):
        converted = soundfile.read(audio / one.path)[0]
        difference = converted - soundfile.read(corpora / "corpora/data_aishell" / other.path)[0]
        # resampling leaves its mark just below 8 kHz, and a cut between two frames of 44.1 kHz at all high frequencies
        assert 10 * np.log10(np.sum(converted**2) / np.sum(difference**2)) > 20
