"""Case and punctuation of a corpus's transcripts, as its config wants them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.corpora import identity
from scripts.corpora.formats.layout import Entry
from scripts.corpora.spelling import CHOICES, report, spell

KEPT = dict.fromkeys(CHOICES, "keep")
SAID = ["Don’t stop.", "don't", "ПРИВЕТ, мир!", "...", "", None]


def spelt(**spelling: str) -> tuple[list[str | None], list[str]]:
    """What becomes of SAID, and the lines of the log."""
    entries = [Entry(str(number), "S", "train", "a.wav", said) for number, said in enumerate(SAID)]
    changed = Counter()
    found = list(spell(entries, KEPT | spelling, changed))
    assert [entry.utterance for entry in found] == [entry.utterance for entry in entries]
    return [entry.transcript for entry in found], list(report(KEPT | spelling, changed))


def test_what_is_kept_stays_as_it_is_and_is_not_spoken_of() -> None:
    assert spelt() == (SAID, [])


def test_lower_case() -> None:
    expected = ["don’t stop.", "don't", "привет, мир!", "...", "", None]
    assert spelt(case="lower") == (expected, ["case: lower changed 2 transcripts"])


def test_without_punctuation() -> None:
    expected = ["Don't stop", "don't", "ПРИВЕТ мир", "", "", None]
    assert spelt(punctuation="drop") == (expected, ["punctuation: drop changed 3 transcripts"])


def test_both() -> None:
    transcripts, log = spelt(case="lower", punctuation="drop")
    assert transcripts == ["don't stop", "don't", "привет мир", "", "", None]
    assert log == ["case: lower changed 2 transcripts", "punctuation: drop changed 3 transcripts"]


@pytest.mark.parametrize(("key", "known"), [("case", "'keep', 'lower'"), ("punctuation", "'drop', 'keep'")])
def test_another_word_is_refused_with_those_there_are(tmp_path: Path, step, key: str, known: str) -> None:
    result = step("corpora.list_utterances", f"--{key}", "upper")
    assert result.returncode == 2
    assert result.stderr.endswith(f"argument --{key}: invalid choice: 'upper' (choose from {known})\n")


def test_the_keys_are_those_of_the_identity() -> None:
    assert tuple(CHOICES) == identity.SPELLING


def test_command_line(tmp_path: Path, step, write_wav) -> None:
    """An utterance of punctuation alone says nothing. The held-out list is spelt alike, and the sidecar says how."""
    lines = {"BAC009S0002W0001": "Hello, World", "BAC009S0724W0001": "Né — le MATIN", "BAC009S0764W0001": "?!"}
    for name, subset in zip(lines, ("train", "dev", "test"), strict=True):
        write_wav(tmp_path / f"wav/{subset}/{name[6:11]}/{name}.wav", 320)
    (tmp_path / "transcript").mkdir()
    text = "".join(f"{name} {said}\n" for name, said in lines.items())
    (tmp_path / "transcript/aishell_transcript_v0.8.txt").write_text(text, encoding="utf-8")
    made = {name: tmp_path / f"{name}.tsv" for name in ("utterances", "rejected", "heldout")}
    words = [word for name, path in made.items() for word in (f"--{name}", path)]
    words += ["--format", "aishell1", "--root", tmp_path, "--case", "lower", "--punctuation", "drop"]
    result = step("corpora.list_utterances", *words)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:3] == [
        "case: lower changed 2 transcripts",
        "punctuation: drop changed 3 transcripts",
    ]
    rows = [line.split("\t") for line in made["utterances"].read_text(encoding="utf-8").splitlines()]
    assert [row[-1] for row in rows] == ["transcript", "hello world", "né le matin"]
    assert made["rejected"].read_text().splitlines()[1].endswith("\tempty transcript")
    assert made["heldout"].read_text(encoding="utf-8").splitlines()[1:] == ["BAC009S0724W0001\tdev\tné le matin"]
    made_from = json.loads(made["utterances"].with_suffix(".json").read_text())["made_from"]
    assert (made_from["case"], made_from["punctuation"]) == ("lower", "drop")
