"""The demo at a tenth of its size on real fairseq and real ESPnet: the table, the curve and the report."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

pytest.importorskip("espnet2", reason="ESPnet is not installed (workflow/envs/espnet.yaml)")
pytest.importorskip("espeakng_loader", reason="the demo's voices are not installed (workflow/envs/demo.yaml)")
pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def small(directory: Path) -> None:
    """An overlay over config/demo.yaml: a few updates, two epochs."""
    recipe = yaml.safe_load((REPOSITORY / "config/finetune/demo.yaml").read_text()) | {"max_epoch": 2}
    (directory / "espnet.yaml").write_text(yaml.safe_dump(recipe | {"keep_nbest_models": 2}))
    overlay = {
        "pretraining": {
            "mandarin": {"validation_fraction": 0.2, "updates": 8, "milestones": [0, 4, 8]},
            "english-demo": {"validation_fraction": 0.2, "updates": 8, "milestones": [8]},
        },
        "finetuning": {"aishell1": {"recipe": str(directory / "espnet.yaml"), "average_last": 2}},
    }
    (directory / "small.yaml").write_text(yaml.safe_dump(overlay))


def snakemake(directory: Path, *words: str) -> str:
    """What snakemake prints, started from the repository as a user would."""
    configs = ["--configfile", "config/demo.yaml", str(directory / "small.yaml")]
    call = subprocess.run(
        [BIN / "snakemake", *words, "--profile", "profiles/demo", "--directory", directory, *configs],
        cwd=REPOSITORY,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert call.returncode == 0, call.stdout + call.stderr
    return call.stdout + call.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the small demo has run."""
    directory = tmp_path_factory.mktemp("demo")
    make_corpora = [sys.executable, "-m", "scripts.corpora.make_demo_corpora", "--seed", "1", "--scale", "0.1"]
    subprocess.run([*make_corpora, "--output", directory / "corpora"], cwd=REPOSITORY, check=True, capture_output=True)
    small(directory)
    snakemake(directory)
    return directory


def test_the_table_is_complete(demo: Path) -> None:
    rows = [row.split("|")[1:-1] for row in (demo / "results/cer.md").read_text().splitlines() if row.startswith("|")]
    assert [cell.strip() for cell in rows[0]] == ["Synthetic digits", "dev", "test"]
    own = {row[0].strip(): [float(cell) for cell in row[1:]] for row in rows[2:] if "published" not in row[0]}
    assert list(own)[:3] == ["@0 updates", "@4 updates", "@8 updates"] and list(own)[-1] == "Wav2vec2.0(English)"
    assert list(own)[3] in ("@4 updates*", "@8 updates*")
    assert all(value >= 0 for values in own.values() for value in values)  # what two epochs teach is no good yet


def test_leakage_was_there_and_is_gone(demo: Path) -> None:
    corpora = demo / "results/corpora"
    heldout = {line.split("\t")[2] for line in (corpora / "aishell1/heldout.tsv").read_text().splitlines()}
    kept = {line.split("\t")[5] for line in (corpora / "aishell2/without-leakage.tsv").read_text().splitlines()}
    assert len((corpora / "aishell2/leaked.tsv").read_text().splitlines()) > 1
    assert kept & heldout == {"transcript"}  # the word in both headers


def test_nothing_runs_twice(demo: Path) -> None:
    assert "Nothing to be done" in snakemake(demo)


def test_the_curve_is_a_picture_and_the_report_holds_it(demo: Path) -> None:
    assert ElementTree.parse(demo / "results/cer-by-updates.svg").getroot().tag.endswith("svg")
    snakemake(demo, "--report", str(demo / "report.html"))
    report = (demo / "report.html").read_text()
    assert "cer-by-updates.svg" in report and "leaked.tsv" in report


def test_every_job_left_a_log_and_a_benchmark(demo: Path) -> None:
    logs, benchmarks = (
        {path.relative_to(demo / folder).with_suffix("") for path in (demo / folder).rglob(f"*{ending}")}
        for folder, ending in (("logs", ".log"), ("benchmarks", ".tsv"))
    )
    assert logs == benchmarks and len(logs) > 40
