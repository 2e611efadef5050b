"""Error counts against sclite itself, values worked out by hand, and what must hold for any pair."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.evaluate.alignment import ErrorCounts, count_errors

TEXT = st.lists(st.sampled_from("甲乙丙丁"), max_size=12)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "substitutions", "deletions", "insertions"),
    [
        ("", "", 0, 0, 0),
        ("甲乙丙", "甲乙丙", 0, 0, 0),
        ("甲乙", "", 0, 2, 0),
        ("", "甲", 0, 0, 1),
        ("甲乙丙", "甲丁丙", 1, 0, 0),
        ("甲乙丙丁", "甲丙丁", 0, 1, 0),
        ("甲乙", "丙甲乙", 0, 0, 1),
        # 乙 alone would match: delete 甲 and insert 丙 costs 6, two substitutions cost 8.
        ("甲乙", "乙丙", 0, 1, 1),
        # Both cost 12: three substitutions, or two deletions and two insertions around 丙. The diagonal wins.
        ("甲乙丙", "丙丁戊", 3, 0, 0),
        # Five substitutions cost 20, three deletions and three insertions 18: six errors at edit distance five.
        ("甲乙丙丁戊", "丁戊己庚辛", 0, 3, 3),
        # Both cost 15: 3 substitutions and an insertion, or 2 deletions and 3 insertions around 甲乙. In the last cell
        # a deletion (of the second 甲) and an insertion (of 乙) are equally cheap; the insertion leads to the first.
        ("甲乙乙甲", "丙丙丙甲乙", 3, 0, 1),
    ],
)
def test_counts_worked_out_by_hand(
    reference: str, hypothesis: str, substitutions: int, deletions: int, insertions: int
) -> None:
    counts = count_errors(list(reference), list(hypothesis))
    assert counts == ErrorCounts(substitutions, deletions, insertions, len(reference))


def test_counts_add_up() -> None:
    total = sum([ErrorCounts(1, 2, 3, 10), ErrorCounts(0, 1, 0, 5)], ErrorCounts())
    assert total == ErrorCounts(1, 3, 3, 15)
    assert total.errors == 7


@given(TEXT, TEXT)
def test_counts_fit_the_lengths(reference: list[str], hypothesis: list[str]) -> None:
    counts = count_errors(reference, hypothesis)
    assert min(counts.substitutions, counts.deletions, counts.insertions) >= 0
    assert counts.length == len(reference)
    assert len(reference) - counts.deletions + counts.insertions == len(hypothesis)
    assert counts.substitutions + counts.deletions <= len(reference)


@given(TEXT)
def test_nothing_is_wrong_with_the_reference_itself(reference: list[str]) -> None:
    assert count_errors(reference, reference).errors == 0


@given(TEXT, TEXT)
def test_cost_is_the_least_that_any_alignment_has(reference: list[str], hypothesis: list[str]) -> None:
    counts = count_errors(reference, hypothesis)
    cost = 4 * counts.substitutions + 3 * counts.deletions + 3 * counts.insertions
    assert cost == least_cost("".join(reference), "".join(hypothesis))


def least_cost(reference: str, hypothesis: str) -> int:
    """The definition, by recursion on the first characters."""
    known: dict[tuple[int, int], int] = {}

    def rest(row: int, column: int) -> int:
        if row == len(reference) or column == len(hypothesis):
            return 3 * (len(reference) - row + len(hypothesis) - column)
        if (row, column) not in known:
            step = 0 if reference[row] == hypothesis[column] else 4
            known[row, column] = min(
                step + rest(row + 1, column + 1), 3 + rest(row + 1, column), 3 + rest(row, column + 1)
            )
        return known[row, column]

    return rest(0, 0)


def noisy_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs from clean to hopeless; small alphabets make ties, empty sides are among them."""
    generator = random.Random(seed)
    pairs = []
    for _ in range(count):
        alphabet = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"[: generator.choice([2, 3, 5, 22])]
        reference = generator.choices(alphabet, k=generator.randint(0, 25))
        noise = generator.choice([0.1, 0.3, 0.6, 1.0])
        pairs.append(("".join(reference), distort(reference, alphabet, noise, generator)))
    return pairs


def distort(reference: list[str], alphabet: str, noise: float, generator: random.Random) -> str:
    heard = []
    for character in reference:
        if generator.random() >= noise:
            heard.append(character)
        else:
            heard += generator.choices(alphabet, k=generator.choice([0, 1, 1, 2]))
    return "".join(heard)


def sclite(pairs: list[tuple[str, str]], folder: Path) -> list[tuple[int, int, int]]:
    """Substitutions, deletions and insertions of each pair, called as in ESPnet's recipes (-s: case matters)."""
    for name, side in (("ref.trn", 0), ("hyp.trn", 1)):
        lines = (f"{' '.join(pair[side])}\t(speaker-{number:05d})\n" for number, pair in enumerate(pairs))
        (folder / name).write_text("".join(lines), encoding="utf-8")
    files = ["-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    command = ["sctk", "sclite", "-s", *files, "-i", "rm", "-o", "pra", "stdout"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^id: \(speaker-(\d+)\)\nScores: \(#C #S #D #I\) \d+ (\d+) (\d+) (\d+)$", printed, re.MULTILINE)
    scores = {int(number): (int(s), int(d), int(i)) for number, s, d, i in found}
    return [scores[number] for number in range(len(pairs))]


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_counts_are_those_of_sclite(tmp_path: Path) -> None:
    pairs = noisy_pairs(3_000, seed=1)
    expected = sclite(pairs, tmp_path)
    counts = [count_errors(list(reference), list(hypothesis)) for reference, hypothesis in pairs]
    assert [(c.substitutions, c.deletions, c.insertions) for c in counts] == expected
