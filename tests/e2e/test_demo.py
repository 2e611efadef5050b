"""The demo at a tenth of its size on real fairseq and real ESPnet: the table, the curve and the report."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.small_demo import snakemake

pytestmark = pytest.mark.e2e


def test_the_table_is_complete(small_demo: Path) -> None:
    table, _, _ = (small_demo / "results/cer.md").read_text().partition("\n\n")
    rows = [row.split("|")[1:-1] for row in table.splitlines()]
    assert [cell.strip() for cell in rows[0]] == ["Synthetic digits", "dev", "test"]
    own = {row[0].strip(): [float(cell) for cell in row[1:]] for row in rows[2:] if "published" not in row[0]}
    assert list(own)[:3] == ["@0 updates", "@4 updates", "@8 updates"] and list(own)[-1] == "Wav2vec2.0(English)"
    assert list(own)[3] in ("@4 updates*", "@8 updates*")
    assert all(value >= 0 for values in own.values() for value in values)  # what two epochs teach is no good yet


def test_leakage_was_there_and_is_gone(small_demo: Path) -> None:
    corpora = small_demo / "results/corpora"
    heldout = {line.split("\t")[2] for line in (corpora / "aishell1/heldout.tsv").read_text().splitlines()}
    kept = {line.split("\t")[5] for line in (corpora / "aishell2/without-leakage.tsv").read_text().splitlines()}
    assert len((corpora / "aishell2/leaked.tsv").read_text().splitlines()) > 1
    assert kept & heldout == {"transcript"}  # the word in both headers


def test_nothing_runs_twice(copy_demo: Callable[[Path], Path], tmp_path: Path) -> None:
    assert "Nothing to be done" in snakemake(copy_demo(tmp_path / "demo"))


def test_the_curve_is_a_picture_and_the_report_holds_it(copy_demo: Callable[[Path], Path], tmp_path: Path) -> None:
    demo = copy_demo(tmp_path / "demo")
    assert ElementTree.parse(demo / "results/cer-by-updates.svg").getroot().tag.endswith("svg")
    assert "Warning" not in snakemake(demo, "--report", str(demo / "report.html"))
    report = (demo / "report.html").read_text()
    assert all(name in report for name in ("cer-by-updates.svg", "leaked.tsv", "kinds.svg", "confusions.tsv"))


def test_every_job_left_a_log_and_a_benchmark(small_demo: Path) -> None:
    logs, benchmarks = (
        {path.relative_to(small_demo / folder).with_suffix("") for path in (small_demo / folder).rglob(f"*{ending}")}
        for folder, ending in (("logs", ".log"), ("benchmarks", ".tsv"))
    )
    assert logs == benchmarks and len(logs) > 40
