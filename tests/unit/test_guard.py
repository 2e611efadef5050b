"""What the guard stops, what it warns of, and what it lets pass: real curves, and one made up for each failure."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.common import files
from scripts.common.errors import StepError
from scripts.pretrain.findings import Expected, Finding, expected
from scripts.pretrain.guard import Guard, all_findings, dying, judge, mode, read_note
from scripts.trainers import curves, fairseq_log
from scripts.trainers.fairseq_log import TRAIN, VALID, Row
from tests.unit.test_fairseq_log import line

REPOSITORY = Path(__file__).parents[2]
CURVES = Path(__file__).parent / "curves"
HEALTHY = [f"healthy-{seed}" for seed in range(1, 6)]
CHANCE = math.log2(101)


def recipe(name: str) -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / f"config/pretrain/{name}.yaml").read_text(encoding="utf-8"))


DEMO = expected(recipe("demo"), fp16=False)
BASE = expected(recipe("base"), fp16=True)


def found(rows: Sequence[Row], of: Expected) -> list[tuple[str, bool, int]]:
    return [(finding.kind, finding.stops, finding.updates) for finding in all_findings(rows, of)]


def real(name: str) -> list[tuple[str, bool, int]]:
    return found(fairseq_log.read(CURVES / f"{name}.log"), DEMO)


def test_thresholds_follow_from_the_recipe() -> None:
    assert (DEMO.candidates, DEMO.groups, DEMO.entries, DEMO.warmup, DEMO.learning_rate) == (21, 2, 16, 50, 0.002)
    assert (BASE.candidates, BASE.groups, BASE.entries, BASE.warmup, BASE.learning_rate) == (101, 2, 320, 32000, 0.0005)
    assert pytest.approx(6.658, abs=0.001) == BASE.chance
    few = {"model": {"num_negatives": 3, "latent_groups": 1, "latent_vars": 8}, "common": {"min_loss_scale": 0.5}}
    assert expected(few, fp16=True) == Expected(1, 4, 0, None, 8, True, 0.5)


# Real runs


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_runs_from_their_first_update(name: str) -> None:
    assert real(name) == []


def test_the_published_run_with_its_dip() -> None:
    """Its rows that we ship. Probabilities are as even as what is chosen by them, as they were."""
    rows = []
    for point in curves.read(REPOSITORY / "config/published-curve.tsv"):
        train = {"loss": point.train_loss, "accuracy": point.accuracy, "code_perplexity": point.code_perplexity}
        more = {"gradient_norm": point.gradient_norm, "loss_scale": point.loss_scale}
        if point.train_loss is not None:
            rows.append(Row(TRAIN, point.updates, prob_perplexity=point.code_perplexity, **train, **more))
        if point.valid_loss is not None:
            figures = {"accuracy": point.valid_accuracy, "code_perplexity": point.valid_code_perplexity}
            rows.append(Row(VALID, point.updates, loss=point.valid_loss, **figures))
    assert min(row.code_perplexity or math.inf for row in rows) < 15
    assert found(rows, BASE) == []


@pytest.mark.parametrize(("name", "by"), [("lr-0.03", 50), ("lr-0.06", 50), ("lr-0.12", 50), ("silent", 70)])
def test_runs_that_collapsed(name: str, by: int) -> None:
    kind, stops, updates = next(entry for entry in real(name) if entry[1])
    assert (kind, stops, updates) == ("collapse", True, by)


@pytest.mark.parametrize("name", ["lr-0.03", "lr-0.06", "lr-0.12"])
def test_a_learning_rate_that_is_too_high_shows_before_any_validation(name: str) -> None:
    """The loss stays at chance in training: the candidates are told apart by nothing."""
    rows = [row for row in fairseq_log.read(CURVES / f"{name}.log") if row.part == TRAIN]
    first = next(all_findings(rows, DEMO))
    assert (first.kind, first.stops) == ("collapse", True) and first.updates in (50, 60)
    assert "4.392 are chance; gradient norm 0.01" in str(first)


def test_silent_validation_audio_is_named_and_stops_nothing() -> None:
    assert real("silent-valid") == [("validation that cannot be", False, 50)]


def test_a_warm_up_that_has_not_ended_is_no_failure() -> None:
    warm = replace(DEMO, warmup=4000)
    assert found(fairseq_log.read(CURVES / "long-warmup.log"), warm) == []


# Curves made up


def train(*losses: float, start: int = 200, every: int = 200, **facts: Any) -> list[Row]:
    """Rows of training. Facts that are lists have a value a row."""
    return [
        Row(
            TRAIN,
            start + every * number,
            **{"loss": loss, "accuracy": 0.4, "code_perplexity": 30.0, "prob_perplexity": 30.5, "gradient_norm": 1.0}
            | {name: value[number] if isinstance(value, list) else value for name, value in facts.items()},
        )
        for number, loss in enumerate(losses)
    ]


def test_a_collapse_as_people_report_it() -> None:
    """The loss falls to 0 within hundreds of updates, with one code a group."""
    rows = train(6.6, 3.0, 0.05, 0.01, code_perplexity=[200.0, 20.0, 2.0, 2.0], accuracy=[0.01, 0.4, 0.99, 1.0])
    assert found(rows, BASE) == [("collapse", True, 800)]
    (finding,) = all_findings(rows, BASE)
    said = str(finding)
    assert said.startswith("collapse at update 800: the quantizer says the same for everything since update 600 (loss")
    assert "0.01 bits" in said and "code perplexity 2 of 2 to 640" in said
    assert said.index("learning rate is too high") < said.index("silent or constant audio") < said.index("diversity")


def test_one_row_of_it_is_not_enough() -> None:
    assert found(train(6.6, 0.05, 3.0, code_perplexity=[200.0, 2.0, 20.0]), BASE) == []


@pytest.mark.parametrize("losses", [(6.66,) * 3, (7.0, 6.66, 6.66)])
def test_the_plateau_at_the_start_is_no_failure(losses: tuple[float, ...]) -> None:
    assert found(train(*losses, gradient_norm=[1.4, 0.1, 0.1]), BASE) == []


@pytest.mark.parametrize(
    ("updates", "said"),
    [(32_199, []), (32_200, [("nothing learnt", False)]), (64_400, [("nothing learnt", True)])],
)
def test_chance_for_ever(updates: int, said: list[tuple[str, bool]]) -> None:
    rows = [*train(9.0, 6.7, CHANCE), *train(6.65, start=updates)]
    assert [(finding.kind, finding.stops) for finding in judge(rows, BASE)] == said


def test_chance_after_something_was_learnt() -> None:
    rows = train(6.6, 4.0, 6.66, 6.66, 6.66)
    assert found(rows, BASE) == [("lost again", False, 1000)]
    assert found([*rows[:3], *train(5.0, start=1000)], BASE) == []


def test_a_loss_that_is_no_number() -> None:
    assert found(train(6.0, math.nan), BASE) == [("no number", False, 400)]
    assert found(train(6.0, math.nan, 6.0, math.nan), BASE) == [("no number", False, 400)]
    assert found(train(6.0, math.nan, math.nan), BASE) == [("no number", False, 400), ("no number", True, 600)]


def test_a_gradient_that_is_infinite() -> None:
    rows = train(6.0, 5.0, 5.0, gradient_norm=[1.0, math.inf, math.inf])
    assert found(rows, BASE)[-1] == ("no number", True, 600)
    assert "gradient norm is inf" in str(list(all_findings(rows, BASE))[-1])


def test_a_gradient_of_zero() -> None:
    assert found(train(5.0, 5.0, 5.0, 5.0, gradient_norm=[0.5, 0.0, 0.0, 0.0]), BASE) == [("no gradient", True, 800)]
    assert found(train(5.0, 5.0, 5.0, gradient_norm=[0.0, 0.0, 0.4]), BASE) == []


def test_fp16_at_its_least_loss_scale() -> None:
    rows = train(5.0, 5.0, 5.0, 5.0, loss_scale=[8.0, 0.5, 0.0002, 0.0001])
    assert found(rows, BASE) == [("loss scale", False, 400), ("loss scale", True, 800)]
    assert "precision: bf16" in str(next(all_findings(rows, BASE)))
    assert found(rows, replace(BASE, fp16=False)) == []


def test_a_loader_that_starves_the_trainer() -> None:
    """200 updates at 0.5 a second are 400 s, of which updates take less than half."""
    rows = train(*[5.0] * 5, updates_per_second=0.5, seconds_training=150.0)
    assert found(rows, BASE) == [("starving", False, 800)]
    assert "took 38% at most" in str(next(all_findings(rows, BASE)))
    assert found(train(*[5.0] * 5, updates_per_second=0.5, seconds_training=390.0), BASE) == []
    # shorter than what fairseq's whole seconds can tell
    assert found(train(*[5.0] * 5, every=5, updates_per_second=0.5, seconds_training=4.0), BASE) == []


def test_a_validation_loss_that_cannot_be() -> None:
    rows = [*train(5.0, 4.5), Row(VALID, 400, loss=0.05, infonce=0.0, accuracy=1.0, code_perplexity=2.0)]
    assert found(rows, BASE) == [("validation that cannot be", False, 400)]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("FloatingPointError: Minimum loss scale reached (0.0001). Your loss is probably exploding.", "no number"),
        ("FloatingPointError: gradients are Nan/Inf", "no number"),
        ("RuntimeError: CUDA out of memory", None),
    ],
)
def test_last_words(words: str, kind: str | None) -> None:
    finding = dying(["Traceback", words], 300, BASE)
    assert (finding and finding.kind) == kind and (finding is None or finding.stops)


# Live


def guard(folder: Path, mode: str = "stop", of: Expected = DEMO) -> Guard:
    return Guard(mode, "pretraining.mandarin", folder, of)


def write(folder: Path, *rows: str) -> None:
    with (folder / "train.log").open("a", encoding="utf-8") as log:
        log.writelines(rows)


def collapsed(folder: Path) -> list[str]:
    return (CURVES / "lr-0.06.log").read_text(encoding="utf-8").splitlines(keepends=True)


def test_a_training_is_stopped_with_a_sentence_that_the_next_try_repeats(tmp_path: Path) -> None:
    watching = guard(tmp_path)
    watching.begin()
    lines = collapsed(tmp_path)
    write(tmp_path, *lines[:4])
    watching.look()
    write(tmp_path, lines[4][:50])
    watching.look()  # a line that is still being written
    assert [row.updates for row in watching.rows] == [10, 20, 30, 40]
    write(tmp_path, lines[4][50:])
    with pytest.raises(StepError) as stopped:
        watching.look()
    sentence = str(stopped.value)
    assert sentence.startswith("pretraining.mandarin was stopped by its guard: collapse at update 50: the quantizer")
    assert "mend the recipe, or set pretraining.mandarin.guard to warn, or remove " in sentence
    assert str(tmp_path / "guard.json") in sentence
    for _ in range(2):
        with pytest.raises(StepError) as again:
            guard(tmp_path).begin()
        assert str(again.value) == sentence


def test_without_its_note_or_with_another_guard_it_goes_on(tmp_path: Path) -> None:
    files.write_json(tmp_path / "guard.json", {"stopped": "stopped", "warnings": {"disk": "full"}})
    for other in ("warn", "off"):
        guard(tmp_path, other).begin()
        assert read_note(tmp_path) == {"stopped": None, "warnings": {"disk": "full"}}
    guard(tmp_path).begin()
    (tmp_path / "guard.json").unlink()
    guard(tmp_path).begin()


def test_what_the_log_held_before_stops_no_new_start(tmp_path: Path) -> None:
    write(tmp_path, *collapsed(tmp_path))
    watching = guard(tmp_path)
    watching.begin()
    watching.look()


def test_warnings_are_said_once_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watching = guard(tmp_path, "warn")
    watching.begin()
    for row in collapsed(tmp_path):
        write(tmp_path, row)
        watching.look()
    said = capsys.readouterr().out.splitlines()
    assert [text.split(" at update")[0] for text in said] == [
        "warning: pretraining.mandarin: collapse",
        "warning: pretraining.mandarin: nothing learnt",
    ]
    note = read_note(tmp_path)
    assert note["stopped"] is None and list(note["warnings"]) == ["collapse", "nothing learnt"]


def test_off_looks_at_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watching = guard(tmp_path, "off")
    watching.begin()
    write(tmp_path, *collapsed(tmp_path))
    watching.look()
    assert capsys.readouterr().out == "" and read_note(tmp_path)["warnings"] == {}


def test_a_trainer_that_died_of_its_numbers_is_not_started_again(tmp_path: Path) -> None:
    watching = guard(tmp_path)
    watching.begin()
    write(tmp_path, "FloatingPointError: gradients are Nan/Inf\n")
    with pytest.raises(StepError, match="gave up with `gradients are Nan/Inf`"), watching.explaining():
        raise StepError("fairseq-hydra-train ended with exit code 1")
    with pytest.raises(StepError, match="was stopped by its guard: no number"):
        guard(tmp_path).begin()


def test_of_another_death_it_says_nothing(tmp_path: Path) -> None:
    watching = guard(tmp_path)
    watching.begin()
    write(tmp_path, "RuntimeError: CUDA out of memory\n")
    with pytest.raises(StepError, match=r"^ended$"), watching.explaining():
        raise StepError("ended")
    guard(tmp_path).begin()


def test_a_disk_that_will_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/checkpoint_last.pt").write_bytes(b"x" * 1000)
    usage = type("usage", (), {"free": 2999})
    monkeypatch.setattr("scripts.pretrain.guard.shutil.disk_usage", lambda _: usage)
    watching = guard(tmp_path)
    watching.begin()
    for updates in (5, 10):
        write(tmp_path, line("train_inner", updates))
        watching.look()
    assert capsys.readouterr().out.count("GB are free") == 1
    usage.free = 3000
    (tmp_path / "guard.json").unlink()
    again = guard(tmp_path)
    again.begin()
    write(tmp_path, line("train_inner", 15))
    again.look()
    assert capsys.readouterr().out == ""


def test_yaml_takes_off_for_false() -> None:
    assert [mode(text) for text in ("stop", "warn", "off", "False")] == ["stop", "warn", "off", "off"]


def test_a_finding_is_a_sentence() -> None:
    finding = Finding("collapse", True, 1250, "this", "that")
    assert str(finding) == "collapse at update 1,250: this; most likely first: that"
