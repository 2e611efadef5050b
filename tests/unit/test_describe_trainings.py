"""How the trainings of a table went, through the step's command line."""

import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

from scripts.common import files
from scripts.finetune.identity import name_of_work
from scripts.results.describe_trainings import main
from scripts.trainers import curves
from scripts.trainers.beside import CURVE
from scripts.trainers.curves import Point
from tests.unit.test_espnet_log import ended

BRANCH = Path("results/finetune/aishell1/from/mandarin/after-10-updates/lr-0.1/seed-1")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def branch(cer: str, made_from: str = "a") -> Path:
    log = BRANCH / "work" / name_of_work({"recipe": made_from}) / "train.log"
    log.parent.mkdir(parents=True)
    log.write_text(ended(1, "0.9") + ended(2, cer), encoding="utf-8")
    return log


def run_step() -> str:
    words = ["--runs", "results/pretrain/mandarin/curve.tsv", "--branches", f"{BRANCH}/curve.tsv"]
    words += ["--published", f"{CURVE}", "--text", "results/trainings.md", "--picture", "results/pretraining.svg"]
    sys.argv = ["describe_trainings", *words]
    main()
    return Path("results/trainings.md").read_text(encoding="utf-8")


@pytest.fixture
def run() -> Path:
    folder = Path("results/pretrain/mandarin")
    folder.mkdir(parents=True)
    curves.write([Point(200, train_loss=9.3), Point(800, train_loss=5.5, valid_loss=5.0)], folder / "curve.tsv")
    files.write_json(folder / "curve.json", {"milestones": {"20": "a", "40": "b"}})
    files.write_json(folder / "after-20-updates.json", {"warnings": ["pretraining.mandarin: starving at update 10"]})
    return folder


def test_runs_stand_beside_the_published_one_with_their_warnings(run: Path) -> None:
    branch("0.5")
    first, second = run_step().splitlines()
    assert first.startswith("- mandarin: update 800, published at the same update in brackets: loss 5.5 (5.49)")
    assert second == "- Until update 20: pretraining.mandarin: starving at update 10."
    root = xml.etree.ElementTree.parse("results/pretraining.svg").getroot()
    assert root.tag.endswith("svg")
    before = Path("results/pretraining.svg").read_bytes()
    run_step()
    assert Path("results/pretraining.svg").read_bytes() == before


def test_a_branch_that_puts_out_only_blanks_is_named(run: Path) -> None:
    branch("1.000")
    said = run_step().splitlines()[-1]
    name = "aishell1/from/mandarin/after-10-updates/lr-0.1/seed-1"
    assert said.startswith(f"- {name} puts out only blanks to its end: after epoch 2")


def test_of_several_recipes_that_of_the_epochs_counts(run: Path) -> None:
    branch("0.25", "a")
    branch("1.000", "given up")
    files.write_json(BRANCH / "epochs.json", {"made_from": {"recipe": "a"}})
    assert "only blanks" not in run_step()
    assert (BRANCH / "curve.tsv").read_text().splitlines()[-1].split("\t")[3] == "0.25"


@pytest.mark.slow
def test_the_table_stays_when_the_log_is_gone(run: Path) -> None:
    log = branch("0.25")
    run_step()
    table = (BRANCH / "curve.tsv").read_text()
    log.unlink()
    run_step()
    assert (BRANCH / "curve.tsv").read_text() == table and table.count("\n") == 3
