"""All that a user may do to a finished project, each thing as a function that does it at random.

A change takes the project's state and a source of chance, and says in words what it did.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile
import yaml

from scripts.common import files
from tests.workflow.conftest import CHARACTERS, Project, speak

LISTS = {"aishell1": "transcript/aishell_transcript_v0.8.txt", "aishell2": "trans.txt"}
ROOTS = {"aishell1": "corpora/data_aishell", "aishell2": "corpora/AISHELL-2/iOS/data"}


@dataclass
class State:
    """A project, and the keys of its config that differ from those of a new one."""

    project: Project
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.project.directory

    def configure(self) -> None:
        self.project.configure(**self.keys)


Change = Callable[[State, random.Random], str]


def key(name: str, *values: Any) -> Change:
    """Give a key of the config another value."""

    def change(state: State, chance: random.Random) -> str:
        before = state.keys.get(name, values[0])
        state.keys[name] = chance.choice([value for value in values if value != before])
        return f"{name} = {state.keys[name]}"

    return change


def recipe(name: str, section: str | None, key: str, *values: Any) -> Change:
    """Give a key of a recipe another value."""

    def change(state: State, chance: random.Random) -> str:
        path = state.directory / f"{name}.yaml"
        content = yaml.safe_load(path.read_text())
        entry = content.setdefault(section, {}) if section else content
        entry[key] = chance.choice([value for value in values if value != entry.get(key, values[0])])
        path.write_text(yaml.safe_dump(content))
        return f"{name}.yaml: {section}.{key} = {entry[key]}"

    return change


def root(corpus: str) -> Change:
    """Move a corpus: to be found under another name."""

    def change(state: State, chance: random.Random) -> str:
        link = state.directory / f"elsewhere-{corpus}"
        if not link.is_symlink():
            link.symlink_to(ROOTS[corpus])
        name = f"corpora__{corpus}__root"
        before = state.keys.get(name, ROOTS[corpus])
        state.keys[name] = link.name if before == ROOTS[corpus] else ROOTS[corpus]
        return f"{name} = {state.keys[name]}"

    return change


# Corpora. Lists are lines of an id and a transcript.


def lines_of(state: State, corpus: str) -> tuple[Path, list[str]]:
    path = state.directory / ROOTS[corpus] / LISTS[corpus]
    return path, path.read_text(encoding="utf-8").splitlines()


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def correct(corpus: str, of: str) -> Change:
    """Correct the transcript of an utterance whose id contains `of`."""

    def change(state: State, chance: random.Random) -> str:
        path, lines = lines_of(state, corpus)
        number = chance.choice([number for number, line in enumerate(lines) if of in line])
        words = lines[number].split(None, 1)
        transcript = words[1].replace(" ", "")
        place = chance.randrange(len(transcript))
        other = chance.choice([character for character in CHARACTERS if character != transcript[place]])
        lines[number] = f"{words[0]}{separator(corpus)}{transcript[:place]}{other}{transcript[place + 1 :]}"
        write_lines(path, lines)
        return f"{corpus}: {words[0]} says something else"

    return change


def separator(corpus: str) -> str:
    return " " if corpus == "aishell1" else "\t"


def add(corpus: str, speaker: str) -> Change:
    """Add an utterance of a speaker, with its wav."""

    def change(state: State, chance: random.Random) -> str:
        name = f"{'BAC009' if corpus == 'aishell1' else ''}{speaker}W9{chance.randrange(1000):03d}"
        transcript = "".join(chance.choices(CHARACTERS, k=8))
        path, lines = lines_of(state, corpus)
        if any(line.startswith(name) for line in lines):
            return f"{corpus}: {name} is there"
        wav = folder_of(state, corpus, speaker) / f"{name}.wav"
        soundfile.write(wav, speak(transcript), 16000, subtype="PCM_16")
        write_lines(path, [*lines, f"{name}{separator(corpus)}{transcript}"])
        if corpus == "aishell2":
            with (path.parent / "wav.scp").open("a") as file:
                file.write(f"{name}\t{wav.relative_to(path.parent)}\n")
        return f"{corpus}: {name} is new"

    return change


def folder_of(state: State, corpus: str, speaker: str) -> Path:
    (folder,) = (state.directory / ROOTS[corpus] / "wav").glob(
        f"*/{speaker}" if corpus == "aishell1" else speaker.replace("IC", "C")
    )
    return folder


def remove(corpus: str, speaker: str, lists: bool, wav: bool) -> Change:
    """Take an utterance out of the lists, or its wav away, or both; one of each speaker stays."""

    def change(state: State, chance: random.Random) -> str:
        path, lines = lines_of(state, corpus)
        of_speaker = [line for line in lines if speaker in line]
        if len(of_speaker) < 3:
            return f"{corpus}: nothing of {speaker} can go"
        name = chance.choice(of_speaker).split()[0]
        if lists:
            write_lines(path, [line for line in lines if not line.startswith(name)])
        if lists and corpus == "aishell2":
            scp = path.parent / "wav.scp"
            write_lines(scp, [line for line in scp.read_text().splitlines() if not line.startswith(name)])
        if wav:
            (folder_of(state, corpus, speaker) / f"{name}.wav").unlink(missing_ok=True)
        return f"{corpus}: {name} gone from {'the lists' * lists}{' and ' * (lists and wav)}{'the wavs' * wav}"

    return change


def leak(state: State, chance: random.Random) -> str:
    """Have an utterance for pre-training say what one of dev says."""
    _, heldout = lines_of(state, "aishell1")
    said = chance.choice([line for line in heldout if "S0724" in line]).split(None, 1)[1]
    path, lines = lines_of(state, "aishell2")
    number = chance.randrange(len(lines))
    name = lines[number].split()[0]
    lines[number] = f"{name}\t{said.replace(' ', '')}"
    write_lines(path, lines)
    return f"aishell2: {name} leaks"


# What happens to files.


def dates(state: State, chance: random.Random) -> str:
    """Give all files, or some, dates of the last days."""
    share = chance.choice([0.1, 0.5, 1])
    now = time.time()
    for folder in ("results", "corpora", "."):
        for path in (state.directory / folder).rglob("*") if folder != "." else state.directory.glob("*.yaml"):
            if chance.random() < share and not path.is_symlink():
                moment = now - chance.choice([0, 1e5 * chance.random()])
                os.utime(path, (moment, moment))
    return f"new dates on {share:.0%}"


def delete(state: State, chance: random.Random) -> str:
    """Delete a file or folder of any kind below results."""
    paths = sorted(path for path in (state.directory / "results").rglob("*") if not path.name.startswith("."))
    if not paths:
        return "nothing left to delete"
    depth = chance.randint(2, 9)  # folders near the root are few, files below them many
    path = chance.choice([path for path in paths if len(path.relative_to(state.directory).parts) == depth] or paths)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return f"deleted {path.relative_to(state.directory)}"


def forget(state: State, chance: random.Random) -> str:
    """Delete what Snakemake remembers."""
    shutil.rmtree(state.directory / ".snakemake", ignore_errors=True)
    return "deleted .snakemake"


def experiment(*models: str, task: str = "aishell1") -> list[dict[str, Any]]:
    return [{"finetuning": task, "from": list(models)}]


def given(state: State, chance: random.Random) -> str:
    """Take another checkpoint for the given one."""
    name = chance.choice(["given one.pt", "another given.pt"])
    state.keys["checkpoints__english__path"] = name
    state.keys["checkpoints__english__sha256"] = files.sha256(state.directory / name)
    return f"the given checkpoint is {name}"


CONFIG = [
    key("pretraining__mandarin__label", None, "M"),
    key("pretraining__mandarin__validation_fraction", 0.3, 0.301, 0.2),
    key("pretraining__mandarin__utterances_per_file", 6, 3, 4),
    key("pretraining__mandarin__audio_shards", 2, 1, 3),
    key("pretraining__mandarin__effective_gpus", 1, 2),
    key("pretraining__mandarin__precision", "auto", "fp32"),
    key("pretraining__mandarin__seed", 1, 2),
    key("pretraining__mandarin__updates", 30, 25),
    key("pretraining__mandarin__milestones", [10, 20], [20], [10, 15, 20], [10, 25]),
    key("pretraining__mandarin__best", True, False),
    key("corpora__aishell2__without_transcripts_of", ["aishell1"], []),
    key("corpora__aishell2__case", "keep", "lower"),
    key("corpora__aishell1__punctuation", "keep", "drop"),
    key("finetuning__aishell1__word_boundary", False, True),
    key("finetuning__aishell1__published", "config/published.tsv", None),
    key("checkpoints__english__label", "English", "E"),
    key("checkpoints__english__url", None, "https://example.org/none.pt"),
    key("finetuning__aishell1__label", "AISHELL-1", "A"),
    key("finetuning__aishell1__learning_rates", [0.1], [0.1, 0.2], [0.2]),
    key("finetuning__aishell1__seeds", [1], [1, 2]),
    key("finetuning__aishell1__average_last", 2, 3, 1),
    key("finetuning__aishell1__mask_prob", None, 0.2),
    key("finetuning__aishell1__receptive_field_ms", 25, 900),  # of 800 ms are utterances that were added
    key("finetuning__aishell1__stride_ms", 20, 40),
    key("corpora__aishell2__near_leaks", "report", "drop"),
    key("experiments", *(experiment(*models) for models in (["mandarin", "english"], ["mandarin"]))),
    given,
    recipe("fairseq", "optimization", "lr", [0.1], [0.2]),
    recipe("fairseq", "criterion", "lowest_at", 30, 20, 12, 17),
    recipe("fairseq", "common", "log_interval", 5, 6),
    recipe("espnet", None, "max_epoch", 3, 4),
    root("aishell1"),
    root("aishell2"),
]
CORPORA = [
    *(correct("aishell1", speaker) for speaker in ("S0002", "S0724", "S0764")),
    correct("aishell2", "IC"),
    *(add("aishell1", speaker) for speaker in ("S0002", "S0724", "S0764")),
    add("aishell2", "IC0001"),
    *(remove("aishell1", speaker, True, True) for speaker in ("S0002", "S0724", "S0764")),
    *(remove("aishell2", "IC0001", lists, wav) for lists, wav in ((True, True), (True, False), (False, True))),
    remove("aishell1", "S0764", False, True),
    leak,
]
FILES = [dates, delete, delete, delete, forget]
