"""A short step says nothing, and a long one how far it is: in a log a line a minute."""

import pytest

from scripts.common.bars import shown


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds that tqdm sees."""
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def lines(items: int, total: int | None, clock: list[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said of items that take a second each."""
    for item in shown(range(items), total, " wavs"):
        clock[0] = item + 1.0
    return capsys.readouterr().err.splitlines()


def test_a_log_has_a_line_a_minute_and_one_at_the_end(clock, capsys) -> None:
    assert lines(200, 200, clock, capsys) == [
        "60 of 200 wavs in 01:00, 02:20 to go",
        "120 of 200 wavs in 02:00, 01:20 to go",
        "180 of 200 wavs in 03:00, 00:20 to go",
        "200 of 200 wavs in 03:20, 00:00 to go",
    ]


def test_without_a_known_end(clock, capsys) -> None:
    assert lines(130, None, clock, capsys) == ["60 wavs in 01:00", "120 wavs in 02:00", "130 wavs in 02:10"]


def test_a_short_step_says_nothing(clock, capsys) -> None:
    assert lines(50, 50, clock, capsys) == []


def test_a_person_sees_a_bar(clock, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert any("100%|" in bar and "5/5" in bar for bar in lines(5, 5, clock, capsys))
