"""Alignments against sclite's own, values worked out by hand, and that their errors are those that are counted."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.evaluate.alignment import ErrorCounts, count_errors
from scripts.evaluate.operations import align, marked, pairs
from tests.unit.test_alignment import noisy_pairs

TEXT = st.lists(st.sampled_from("甲乙丙"), max_size=12)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "steps", "shown"),
    [
        ("", "", "", ""),
        ("甲乙丙", "甲乙丙", "CCC", "甲乙丙"),
        ("甲乙", "", "DD", "[甲乙→]"),
        ("", "甲", "I", "[→甲]"),
        ("今天天气好", "今天气妙", "CDCCS", "今[天→]天气[好→妙]"),
        # The last 甲 is the one that was said.
        ("甲", "甲甲", "IC", "[→甲]甲"),
        # 乙 alone would match: delete 甲 and insert 丙 costs 6, two substitutions cost 8.
        ("甲乙", "乙丙", "DCI", "[甲→]乙[→丙]"),
        # Both cost 12: three substitutions, or two deletions and two insertions around 丙. The diagonal wins.
        ("甲乙丙", "丙丁戊", "SSS", "[甲乙丙→丙丁戊]"),
        # In the last cell a deletion and an insertion are equally cheap: the insertion is taken.
        ("甲乙乙甲", "丙丙丙甲乙", "SSSCI", "[甲乙乙→丙丙丙]甲[→乙]"),
    ],
)
def test_alignments_worked_out_by_hand(reference: str, hypothesis: str, steps: str, shown: str) -> None:
    assert align(reference, hypothesis) == steps
    assert marked(reference, hypothesis, steps) == shown


@given(TEXT, TEXT)
def test_the_errors_are_those_that_are_counted(reference: list[str], hypothesis: list[str]) -> None:
    steps = align(reference, hypothesis)
    counts = ErrorCounts(steps.count("S"), steps.count("D"), steps.count("I"), len(reference))
    assert counts == count_errors(reference, hypothesis)


@given(TEXT, TEXT)
def test_both_sides_are_there_in_their_order(reference: list[str], hypothesis: list[str]) -> None:
    found = list(pairs(reference, hypothesis, align(reference, hypothesis)))
    assert [said for _, said, _ in found if said] == reference
    assert [heard for _, _, heard in found if heard] == hypothesis
    assert all((step == "C") == (said == heard) for step, said, heard in found)


def sclite(texts: list[tuple[str, str]], folder: Path) -> list[list[tuple[str, str]]]:
    """The pairs of each alignment as sclite prints them; "" where it has asterisks."""
    for name, side in (("ref.trn", 0), ("hyp.trn", 1)):
        lines = (f"{' '.join(pair[side])}\t(speaker-{number:05d})\n" for number, pair in enumerate(texts))
        (folder / name).write_text("".join(lines), encoding="utf-8")
    files = ["-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    command = ["sctk", "sclite", "-s", "-e", "utf-8", *files, "-i", "rm", "-o", "pra", "stdout"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    blocks = re.findall(r"^id: \(speaker-(\d+)\)\n.*\n.*\n(?:REF: (.*)\nHYP: (.*)$)?", printed, re.MULTILINE)
    shown = {int(number): (said.split(), heard.split()) for number, said, heard in blocks}  # nothing of two empty texts
    return [
        [(said.strip("*"), heard.strip("*")) for said, heard in zip(*shown[number], strict=True)]
        for number in range(len(texts))
    ]


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_alignments_are_those_of_sclite(tmp_path: Path) -> None:
    texts = noisy_pairs(2_000, seed=3)
    ours = [[pair[1:] for pair in pairs(said, heard, align(said, heard))] for said, heard in texts]
    assert ours == sclite(texts, tmp_path)
