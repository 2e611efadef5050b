"""Two rows, or two runs, compared by the command line."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from scripts.common.errors import StepError
from scripts.common.tables import read_table
from scripts.results import tabulate
from scripts.results.compare import main
from tests.unit.scored import Scored

TAIL = "mandarin/after-{}-updates/lr-{}/seed-{}"


def call(monkeypatch: pytest.MonkeyPatch, module, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["step", *map(str, words)])
    module()


def finish(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table and the config of what was scored."""
    config = {"finetuning": {"aishell1": {"corpus": "aishell1"}}}
    (scored.root / "results/config.yaml").write_text(yaml.safe_dump(config))
    paths = [scored.root / path for path in scored.paths]
    tables = ["--tsv", scored.root / "results/cer.tsv", "--markdown", scored.root / "results/cer.md"]
    call(monkeypatch, tabulate.main, "--scores", *paths, *tables)
    return scored.root


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scored = Scored(tmp_path / "a run", speakers=8)
    scored.add(TAIL.format(50_000, 1, 1), [6] * 8, [6] * 8)
    scored.add(TAIL.format(85_000, 1, 1), [1] * 8, [5, 7] * 4)
    return finish(scored, monkeypatch)


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> list[str]:
    call(monkeypatch, main, *words)
    return capsys.readouterr().out.splitlines()


def test_two_rows(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On dev each of eight speakers has 5 errors less, 2 of 256 ways; on test 1 less or 1 more, in all none."""
    assert said(capsys, monkeypatch, "@85k updates", "@50k updates", "--directory", run) == [
        "aishell1, dev: @85k updates 5.0, @50k updates 30.0: difference −25.0, 95 % −25.0 to −25.0, "
        "p 0.0078 over 8 speakers, 1 seed, MAPSSWE p 1.00.",
        "aishell1, test: @85k updates 30.0, @50k updates 30.0: difference 0.0, 95 % −4.5 to +4.5, "
        "p 1.00 over 8 speakers, 1 seed, MAPSSWE p 1.00; no significant difference at 5 %.",
    ]
    (line,) = said(capsys, monkeypatch, "@50k updates", "@85k updates", "--directory", run, "--subset", "dev")
    assert "difference +25.0" in line


def test_two_runs(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another run, one row has two seeds, of which one is in both. Two comparisons: Holm makes 2/128 of 1/128."""
    scored = Scored(tmp_path / "another", speakers=8)
    for seed, errors in ((1, 2), (2, 9)):
        scored.add(TAIL.format(85_000, 1, seed), [errors] * 8, [errors] * 8)
    scored.add(TAIL.format(50_000, 1, 1), [2] * 8, [9] * 8)
    scored.add(TAIL.format(99_000, 1, 1), [9] * 8, [9] * 8)
    another = finish(scored, monkeypatch)
    lines = said(capsys, monkeypatch, run, another, "--subset", "dev")
    assert lines == [
        f"aishell1, dev: @50k updates of {run} 30.0, @50k updates of {another} 10.0: difference +20.0, "
        "95 % +20.0 to +20.0, p 0.016 over 8 speakers, 1 seed, MAPSSWE p 1.00.",
        f"aishell1, dev: @85k updates of {run} 5.0, @85k updates of {another} 10.0: difference −5.0, "
        "95 % −5.0 to −5.0, p 0.016 over 8 speakers, 1 seed, MAPSSWE p 1.00.",
        "p-values of sign flips after Holm's correction over the 2 comparisons of a subset.",
    ]
    shutil.copytree(run, tmp_path / "copy")
    lines = said(capsys, monkeypatch, run, tmp_path / "copy")
    assert len(lines) == 5 and all("difference 0.0" in line and "p 1.00" in line for line in lines[:4])
    assert lines[-1] == "p-values of sign flips after Holm's correction over the 2 comparisons of a subset."


def test_of_several_learning_rates_a_row_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = Scored(tmp_path / "a run")
    scored.add(TAIL.format(50_000, 1, 1), [6] * 6, [6] * 6)
    scored.add(TAIL.format(50_000, 2, 1), [3] * 6, [3] * 6)
    words = "@50k updates, lr 1", "@50k updates, lr 2", "--directory", finish(scored, monkeypatch)
    assert all("difference +15.0" in line for line in said(capsys, monkeypatch, *words))


def test_what_cannot_be_compared(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*words: object) -> str:
        with pytest.raises(StepError) as caught:
            call(monkeypatch, main, *words)
        return str(caught.value)

    assert "(its rows: @50k updates; @85k updates): correct it" in refused("@99k", "@50k updates", "--directory", run)
    assert "one of them is a folder" in refused(run, "@50k updates")
    (tmp_path / "empty").mkdir()
    assert "empty/results/cer.tsv cannot be read as the table of a run" in refused(run, tmp_path / "empty")
    other = Scored(tmp_path / "other", speakers=8)
    other.add(TAIL.format(50_000, 1, 2), [6] * 8, [6] * 8)
    assert "have no seed in common on dev" in refused(run, finish(other, monkeypatch))
    smaller = Scored(tmp_path / "smaller", speakers=3)
    smaller.add(TAIL.format(50_000, 1, 1), [6] * 3, [6] * 3)
    assert "has other transcripts of dev than were scored" in refused(run, finish(smaller, monkeypatch))
    (smaller.root / "results/config.yaml").unlink()
    assert "results/config.yaml does not say which corpus aishell1 has" in refused(smaller.root, run)


def test_each_test_set_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = Scored(tmp_path, speakers=8, subsets=("dev", "test-clean", "test-other"))
    scored.add(TAIL.format(50_000, 1, 1), [6] * 8, [6] * 8, [2] * 8)
    scored.add(TAIL.format(85_000, 1, 1), [1] * 8, [5] * 8, [4] * 8)
    words = ["@85k updates", "@50k updates", "--directory", finish(scored, monkeypatch)]
    lines = said(capsys, monkeypatch, *words)
    shown = [(line.split(": ")[0], line.split("difference ")[1].split(",")[0]) for line in lines]
    assert shown == [("aishell1, dev", "−25.0"), ("aishell1, test-clean", "−5.0"), ("aishell1, test-other", "+10.0")]
    assert len(said(capsys, monkeypatch, *words, "--subset", "test-other")) == 1
    with pytest.raises(StepError, match=r"both scored on test \(on dev, test-clean, test-other some were\)"):
        said(capsys, monkeypatch, *words, "--subset", "test")


def test_words_are_not_compared_with_characters(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run / "results/cer.tsv"
    table = read_table(path, tabulate.CER_COLUMNS)
    table.loc[2:, "metric"] = "wer"
    table.loc[[2, 3, 0, 1]].to_csv(path, sep="\t", index=False)
    with pytest.raises(StepError, match="@85k updates and @50k updates count cer and wer: give tasks one metric"):
        call(monkeypatch, main, "@85k updates", "@50k updates", "--directory", run)
