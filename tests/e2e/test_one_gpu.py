"""config/one-gpu.yaml at toy size (config/sample.yaml over it, and less) on real speech in both of its layouts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.common import tables
from tests.e2e.small_demo import snakemake
from tests.places import REPOSITORY, sample_script

pytestmark = pytest.mark.e2e

HEADER = "UtteranceID\tSpeakerID\tTranscription\n"
LESS = {"pretraining": {"mandarin": {"updates": 4, "milestones": [4], "best": False}}}


def lay_out(corpora: Path) -> None:
    """AISHELL-1, and a speaker of it as MAGICDATA has them."""
    subprocess.run([sys.executable, sample_script(), corpora], check=True)
    source, target = corpora / "AISHELL-2/iOS/data", corpora / "MAGICDATA/train"
    (target / "38_0150").mkdir(parents=True)
    lines = []
    for line in (source / "trans.txt").read_text(encoding="utf-8").splitlines():
        name, transcript = line.split("\t")
        os.link(source / f"wav/C0150/{name}.wav", target / f"38_0150/38_{name}.wav")
        lines.append(f"38_{name}.wav\t38_0150\t{transcript}\n")
    (target / "TRANS.txt").write_text(HEADER + "".join(lines), encoding="utf-8")


def test_both_corpora_are_heard_and_a_table_is_made(tmp_path: Path) -> None:
    lay_out(tmp_path / "corpora")
    recipe = yaml.safe_load((REPOSITORY / "config/finetune/demo.yaml").read_text())
    less = {"recipe": str(tmp_path / "espnet.yaml"), "train_hours": 0.05, "average_last": 1}
    (tmp_path / "espnet.yaml").write_text(yaml.safe_dump(recipe | {"max_epoch": 1, "keep_nbest_models": 1}))
    (tmp_path / "less.yaml").write_text(yaml.safe_dump(LESS | {"finetuning": {"aishell1": less}}))
    configs = [Path("config/one-gpu.yaml"), Path("config/sample.yaml"), tmp_path / "less.yaml"]
    snakemake(tmp_path, configs=configs)
    kept = {
        name: tables.read_utterances(tmp_path / f"results/corpora/{name}/without-leakage.tsv")["utterance"]
        for name in ("aishell1", "magicdata")
    }
    heard = [
        tables.read_table(tmp_path / f"results/pretrain/mandarin/utterances/{side}.tsv", tables.LISTED_COLUMNS)
        for side in ("train", "valid")
    ]
    assert sorted(name for side in heard for name in side["utterance"]) == sorted(
        f"{corpus}/{name}" for corpus, names in kept.items() for name in names
    )
    assert re.findall(r"^\| @(\d+) updates", (tmp_path / "results/cer.md").read_text(), re.MULTILINE) == ["4"]
