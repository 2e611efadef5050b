"""Where errors lie: against sclite's own paths, and against the counts of one utterance at a time."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scripts.evaluate import aligned
from scripts.evaluate.aligned import align
from scripts.evaluate.alignment import count_errors
from tests.unit.test_alignment import distort, noisy_pairs


def by_hand(reference: str, hypothesis: str) -> tuple[list[int], list[int]]:
    found = align([reference], [hypothesis])
    assert found.lengths.tolist() == [len(reference.replace(" ", ""))]
    return found.wrong.tolist(), found.inserted.tolist()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wrong", "inserted"),
    [
        ("", "", [0], [0]),
        ("甲乙丙", "甲乙丙", [0, 0, 0, 0], [0, 0, 0, 0]),
        ("甲乙", "", [1, 1, 0], [0, 0, 0]),
        ("", "甲乙", [0], [2]),
        ("甲乙丙", "甲丁丙", [0, 1, 0, 0], [0, 0, 0, 0]),
        ("甲乙丙丁", "甲丙丁", [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]),
        ("甲乙", "丙甲乙丁丁", [0, 0, 0], [1, 0, 2]),
        ("甲 乙", "甲乙", [0, 0, 0], [0, 0, 0]),  # space does not count
        ("甲乙", "乙丙", [1, 0, 0], [0, 0, 1]),  # 甲 deleted, 丙 inserted: cheaper than two substitutions
    ],
)
def test_slots_worked_out_by_hand(reference: str, hypothesis: str, wrong: list[int], inserted: list[int]) -> None:
    assert by_hand(reference, hypothesis) == (wrong, inserted)


@pytest.mark.parametrize("cells", [1, 5_000, 2_000_000])
def test_all_at_once_as_one_by_one(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of one utterance, of some, and of all."""
    monkeypatch.setattr(aligned, "CELLS_AT_ONCE", cells)
    pairs = noisy_pairs(600, seed=4)
    found = align([reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs])
    assert found.lengths.tolist() == [len(reference) for reference, _ in pairs]
    assert found.errors().tolist() == [count_errors(*pair).errors for pair in pairs]
    assert found.wrong[np.cumsum(found.lengths + 1) - 1].sum() == 0  # behind the end nothing is wrong


def test_an_utterance_whose_costs_are_more_than_sixteen_bits_hold() -> None:
    """All that is inserted costs 3 times 11,000."""
    chance = random.Random(7)
    reference, hypothesis = ("".join(chance.choices("甲乙", k=length)) for length in (100, 11_100))
    (errors,) = align([reference], [hypothesis]).errors()
    assert errors == count_errors(reference, hypothesis).errors == 11_000


def test_no_utterances() -> None:
    assert align([], []).errors().tolist() == []


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sclite is not installed: apt-get install sctk")
def test_paths_are_those_of_sclite(tmp_path: Path) -> None:
    pairs = noisy_pairs(3_000, seed=5)
    for name, side in (("ref.trn", 0), ("hyp.trn", 1)):
        lines = (f"{' '.join(pair[side])}\t(speaker-{number:05d})\n" for number, pair in enumerate(pairs))
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    files = ["-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    command = ["sctk", "sclite", "-s", "-e", "utf-8", *files, "-i", "rm", "-o", "sgml", "stdout"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    blocks = re.findall(r'<PATH id="\(speaker-(\d+)\)"[^>]*>\n(.*)\n</PATH>', printed)
    expected = {int(number): "".join(word[0] for word in path.split(":") if word) for number, path in blocks}
    found = align([reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs])
    ends = found.starts() + found.lengths + 1
    ours = {}
    for number, (start, end) in enumerate(zip(found.starts(), ends, strict=True)):
        slots = zip(found.wrong[start:end], found.inserted[start:end], strict=True)
        ours[number] = "".join("I" * count + ("E" if is_wrong else "C") for is_wrong, count in slots)[:-1]
    assert len(expected) == 3_000
    assert ours == {number: re.sub("[SD]", "E", path) for number, path in expected.items()}


def test_rates_are_those_of_jiwer_where_errors_are_few() -> None:
    """It counts the fewest errors, sclite those of the cheapest alignment: they part where hardly anything matches."""
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed: pip install jiwer==4.0.0")
    chance = random.Random(6)
    alphabet = [chr(0x4E00 + number) for number in range(3000)]
    references = [chance.choices(alphabet, k=chance.randint(3, 25)) for _ in range(1000)]
    said = ["".join(reference) for reference in references]
    heard = [distort(reference, "".join(alphabet), 0.15, chance) for reference in references]
    found = align(said, heard)
    assert found.errors().sum() / found.lengths.sum() == pytest.approx(jiwer.cer(said, heard), rel=1e-12)


def test_words_are_aligned_as_characters_are() -> None:
    """Each word counts as one: the same slots as of texts in which every word is a letter."""
    chance = random.Random(8)
    letters = {"the": "t", "cat": "c", "sat": "s", "on": "o", "a": "a"}
    pairs = [[chance.choices(list(letters), k=chance.randint(0, 9)) for _ in range(2)] for _ in range(300)]
    said, heard = ([" ".join(pair[side]) for pair in pairs] for side in (0, 1))
    shortened = (["".join(letters[word] for word in pair[side]) for pair in pairs] for side in (0, 1))
    found, expected = align(said, heard, str.split), align(*shortened)
    for side in ("lengths", "wrong", "inserted"):
        assert getattr(found, side).tolist() == getattr(expected, side).tolist()
    assert found.errors().sum() > 300
