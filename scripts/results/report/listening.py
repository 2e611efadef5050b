"""A few utterances to listen to: what was said, and what each checkpoint heard."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import soundfile

from scripts.common import audio, sources, tables
from scripts.common.rates import SAMPLE_RATE
from scripts.common.text import characters
from scripts.common.users import DEV, corpora_of
from scripts.evaluate.operations import align
from scripts.evaluate.score_cer import read_hypotheses
from scripts.reruns.best import name_at
from scripts.reruns.parts import Part, published_updates, source_of

UTTERANCES = 4
Marked = list[tuple[str, bool]]  # pieces of a text, and whether they differ from the reference


class Heard(NamedTuple):
    """What one row of the table heard."""

    row: str
    text: Marked


class Utterance(NamedTuple):
    """`sound`: FLAC as a data: address, "" where the corpus's terms allow none."""

    name: str
    seconds: float
    reference: str
    heard: list[Heard]
    sound: str


def chosen(names: Sequence[str], count: int = UTTERANCES) -> list[str]:
    """Utterances by the SHA-256 of their ids: the same ones each time, and nobody picks them."""
    return sorted(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])


def marked(reference: str, hypothesis: str) -> Marked:
    """A hypothesis in pieces, by the alignment whose errors are counted; what is missing in it is a ‸ that differs.

    Spaces stand where they were heard; they count for nothing.
    """
    places = [*(place for place, letter in enumerate(hypothesis) if not letter.isspace()), len(hypothesis)]
    pieces: Marked = []
    before = 0
    for run in re.findall("C+|[SDI]+", align(characters(reference), characters(hypothesis))):
        after = before + len(run) - run.count("D")
        pieces.append((hypothesis[places[before] : places[after]] or "‸", run[0] != "C"))
        before = after
    return pieces


def as_flac(pcm: bytes) -> str:
    """16-bit samples at 16 kHz as an address that holds them."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.frombuffer(pcm, dtype="<i2"), SAMPLE_RATE, format="FLAC")
    return f"data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def utterances_of(task: str, table: pd.DataFrame, config: Mapping[str, Any]) -> Iterator[Utterance]:
    """Some utterances of each test set of a task, whose name stands before theirs where there are several.

    `table`: cer.tsv; of several seeds or learning rates the first is shown.
    """
    (corpus,) = corpora_of(config["finetuning"][task])
    listed = tables.read_utterances(Path(Part.of("utterances", corpus=corpus).file))
    tests = list(table[(table["task"] == task) & (table["subset"] != DEV)].groupby("subset", sort=False))
    for test, rows in tests:
        for utterance in _of_test(corpus, listed[listed["subset"] == test], rows.drop_duplicates("row"), config):
            yield utterance._replace(name=f"{test}: {utterance.name}") if len(tests) > 1 else utterance


def _of_test(corpus: str, listed: pd.DataFrame, rows: pd.DataFrame, config: Mapping[str, Any]) -> Iterator[Utterance]:
    """Some of the utterances that are listed; `rows`: those of cer.tsv that heard them."""
    listed = listed.set_index("utterance")
    source = Path(source_of(corpus, config).file)
    root = sources.root_of(source, Path(config["corpora"][corpus]["root"]))
    transcripts = {row["row"]: read_hypotheses(Path(_place(row, config))) for _, row in rows.iterrows()}
    for name in chosen(list(listed.index)):
        path, samples, reference = listed.loc[name, ["path", "samples", "transcript"]]
        heard = [Heard(row, marked(reference, texts[name])) for row, texts in transcripts.items()]
        may_sound = config["corpora"][corpus]["audio_in_report"]
        sound = as_flac(audio.read_pcm(root / path, int(samples))) if may_sound else ""
        yield Utterance(name, samples / SAMPLE_RATE, reference, heard, sound)


def _place(row: pd.Series, config: Mapping[str, Any]) -> str:
    """Where the transcripts of a row lie; that of the best checkpoint shows those of another branch."""
    names = {"lr": row["learning_rate"], **row[["task", "model", "checkpoint", "seed", "subset"]]}
    if row["checkpoint"] == "best":
        names["checkpoint"] = name_at(int(row["updates"]), published_updates(config["pretraining"][row["model"]]))
    return Part.of("transcript", **names).file
