"""The corpora that benchmarks/corpora.py measures on hold what they are said to hold."""

import json
from pathlib import Path

import pandas as pd

from benchmarks.corpora import list_command, run
from benchmarks.made_corpus import KINDS, make
from scripts.common import tables
from scripts.corpora.census import HELDOUT_COLUMNS
from scripts.corpora.drop_leakage import drop_leakage, said_first
from scripts.corpora.near_leaks import CONTAINS, LESS, MORE, OTHER, near_leaks

HELD = ["今天天气很好啊", "请打开收音机吧", "明天早上八点见"]
FOUND_AS = {"exchanged": OTHER, "more": MORE, "less": LESS, "contained": CONTAINS}


def test_each_planted_repeat_is_found_as_what_it_is(tmp_path: Path) -> None:
    """From the listing on; what is spoken besides has no character of what is held out."""
    sentences = ["一二三四五六七八九十百千", "甲乙丙丁戊己庚辛壬癸子丑"]
    make(tmp_path / "corpus", 1_200, sentences, HELD, plants=60)
    run(list_command(tmp_path / "corpus", tmp_path, threads=2))
    utterances = tables.read_utterances(tmp_path / "utterances.tsv")
    assert len(utterances) == 1_200 and utterances["samples"].between(4_800, 336_000).all()
    assert list(utterances["speaker"].unique()) == ["C0000", "C0001", "C0002"]

    planted = json.loads((tmp_path / "corpus/planted.json").read_text())
    assert sorted(planted.values()) == sorted(KINDS * 10)
    rows = [(f"H{number}", "dev", sentence) for number, sentence in enumerate(HELD)]
    first = said_first(pd.DataFrame(rows, columns=HELDOUT_COLUMNS))
    kept, leaked = drop_leakage(utterances, first)
    assert set(leaked["utterance"]) == {name for name, kind in planted.items() if kind in ("same", "marked")}
    near = near_leaks(kept, first)
    assert dict(zip(near["utterance"], near["difference"], strict=True)) == {
        name: FOUND_AS[kind] for name, kind in planted.items() if kind in FOUND_AS
    }
