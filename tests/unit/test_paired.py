"""Paired tests: false alarms, values worked out by hand, and sc_stats itself."""

import itertools
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scripts.evaluate.aligned import align
from scripts.results import paired
from scripts.results.paired import holm, least_p, mapsswe, segment_errors, sign_flips
from tests.unit.test_alignment import distort

DRAWS = 2_000


def without_difference(speakers: int, spread: float, seed: int) -> np.ndarray:
    """Differences in errors (draws, speakers) of two systems with the same rate for each speaker."""
    generator = np.random.default_rng(seed)
    rates = 0.1 * np.exp(generator.normal(-(spread**2) / 2, spread, (DRAWS, speakers, 1)))
    characters = generator.integers(5, 25, (DRAWS, speakers, 40))
    first, second = (generator.binomial(characters, np.minimum(rates, 1)).sum(-1) for _ in range(2))
    return first - second


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.2, 0.4])
@pytest.mark.parametrize("speakers", [5, 10, 20, 40])
def test_false_alarms(speakers: int, spread: float) -> None:
    alarms = [sign_flips(draw) <= paired.LEVEL for draw in without_difference(speakers, spread, seed=speakers)]
    assert np.mean(alarms) <= 0.06
    assert (np.mean(alarms) > 0.02) == (speakers > 5)  # with 5 speakers no p-value is below 1/16


def test_a_difference_is_found() -> None:
    """15 % more errors with one system."""
    generator = np.random.default_rng(3)
    characters = generator.integers(5, 25, (200, 20, 40))
    first, second = (generator.binomial(characters, rate).sum(-1) for rate in (0.1, 0.085))
    assert np.mean([sign_flips(draw) <= paired.LEVEL for draw in first - second]) > 0.9


@pytest.mark.parametrize("differences", [[3, 1], [5, -1, 2, 0], [-4, 2, 2, 1, -7, 3], [1, 1, 1, 1, 1, 1, 1]])
def test_all_flips_are_counted(differences: list[int]) -> None:
    sums = [
        sum(sign * d for sign, d in zip(signs, differences, strict=True))
        for signs in itertools.product([1, -1], repeat=len(differences))
    ]
    expected = sum(abs(total) >= abs(sum(differences)) for total in sums) / len(sums)
    assert sign_flips(differences) == pytest.approx(expected)


def test_drawn_flips_come_near_the_counted_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(2).integers(-8, 11, 40)
    counted = sign_flips(differences)
    monkeypatch.setattr(paired, "EXACT_STEPS", 0)
    assert 0.05 < counted < 0.6 and sign_flips(differences) == pytest.approx(counted, abs=0.005)
    assert sign_flips(differences) == sign_flips(differences)
    assert sign_flips([100] * 100) == pytest.approx(1 / (paired.DRAWS + 1))  # never 0


def test_systems_that_are_alike() -> None:
    assert sign_flips([0, 0, 0]) == 1 and sign_flips([]) == 1 and sign_flips([4]) == 1
    same = align(["甲乙丙", ""], ["甲丙", "丁"])
    assert mapsswe(same, same) == 1
    right = align(["甲乙丙"], ["甲乙丙"])
    assert mapsswe(right, right) == 1


def test_the_least_p() -> None:
    assert least_p(5) == sign_flips([1] * 5) == 0.0625
    assert least_p(1) == 1 == least_p(0)


def test_holm_worked_out_by_hand() -> None:
    """0.01 x 4; 0.02 x 3; 0.03 x 2 is no more than the one before; 0.9 x 1. In the order in which they came."""
    assert holm([0.03, 0.9, 0.01, 0.02]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0] and holm([]) == []


def test_segments_worked_out_by_hand() -> None:
    """An error each, with one right character between: one segment. Two between: two, if nothing is inserted."""
    reference = "甲乙丙丁戊己"
    for first, second, expected in (
        ("子乙丙丁戊己", "甲乙子丁戊己", [(1, 1)]),
        ("子乙丙丁戊己", "甲乙丙子戊己", [(1, 0), (0, 1)]),
        ("子乙丑丙丁戊己", "甲乙丙子戊己", [(2, 1)]),
        ("甲乙丙丁戊己子", "甲乙丙丁戊己", [(1, 0)]),
        ("甲乙丙丁戊己", "甲乙丙丁戊己子", [(0, 1)]),
        ("甲乙丙丁戊子", "甲乙丙丁戊己子", [(1, 1)]),
        ("甲乙丙丁戊己子", "甲乙丙丁戊己子丑", [(1, 2)]),
    ):
        found = segment_errors(align([reference], [first]), align([reference], [second]))
        assert list(zip(*(side.tolist() for side in found), strict=True)) == expected


def systems(count: int, seed: int, noise: tuple[float, float]) -> tuple[dict[str, str], list[dict[str, str]]]:
    chance = random.Random(seed)
    alphabet = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
    said = {f"s{n % 7}-{n:04d}": chance.choices(alphabet, k=chance.randint(1, 25)) for n in range(count)}
    heard = [{name: "".join(distort(text, alphabet, rate, chance)) for name, text in said.items()} for rate in noise]
    for number, name in enumerate(said):
        if number % 50 == 0:
            heard[0][name] = ""
    return {name: "".join(text) for name, text in said.items()}, heard


def sc_stats(said: dict[str, str], heard: list[dict[str, str]], folder: Path) -> tuple[str, float, int]:
    """What sc_stats says of two systems: p as it prints it, its Z statistic, and the number of segments."""
    for name, texts in (("ref", said), ("a", heard[0]), ("b", heard[1])):
        lines = (f"{' '.join(text)}\t({utterance})\n" for utterance, text in texts.items())
        (folder / name).write_text("".join(lines), encoding="utf-8")
    printed = b""
    for name in ("a", "b"):
        command = ["sctk", "sclite", "-s", "-e", "utf-8", "-r", "ref", "trn", "-h", name, "trn", "-i", "rm"]
        printed += subprocess.run(
            [*command, "-o", "sgml", "stdout"], cwd=folder, capture_output=True, check=True
        ).stdout
    for options in (["-v"], ["-u"]):  # the verbose report, then p-values alone
        command = ["sctk", "sc_stats", "-p", "-t", "mapsswe", "-n", options[0][1:], *options]
        subprocess.run(command, cwd=folder, input=printed, capture_output=True, check=True)
    report, unified = (  # in which are bytes of no encoding
        (folder / name).read_text("latin-1") for name in ("v.stats.mapsswe", "u.stats.unified")
    )
    segments, z = re.search(r"# segs: (\d+).*Z Stat: +(-?[\d.]+)", report).groups()
    return re.search(r"<?\d?\.\d{3}", unified)[0], float(z), int(segments)


@pytest.mark.skipif(shutil.which("sctk") is None, reason="sc_stats is not installed: apt-get install sctk")
@pytest.mark.parametrize("noise", [(0.2, 0.21), (0.1, 0.12), (0.5, 0.55), (0.1, 0.1), (0.2, 0.15)])
def test_mapsswe_is_that_of_sc_stats(noise: tuple[float, float], tmp_path: Path) -> None:
    said, heard = systems(400, seed=1, noise=noise)
    p_value, z, segments = sc_stats(said, heard, tmp_path)
    first, second = (align(list(said.values()), [of_one[name] for name in said]) for of_one in heard)
    ours = segment_errors(first, second)
    differences = ours[0] - ours[1]
    assert len(differences) == segments
    assert differences.mean() / (differences.std(ddof=1) / len(differences) ** 0.5) == pytest.approx(z, abs=0.0006)
    found = mapsswe(first, second)
    assert p_value == ("<0.001" if found < 0.001 else f"{found:.3f}")
