"""The words that make pre-training faster."""

import os

import pytest

from scripts.common.errors import StepError
from scripts.pretrain.faster import switches
from scripts.pretrain.faster.switches import NAMES, VARIABLE, Switches, parse


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Switches()),
        (["at_once=1"], Switches()),
        (["negatives", "at_once=4", "positions"], Switches(frozenset({"positions", "negatives"}), 4)),
        (list(NAMES), Switches(frozenset(NAMES))),
    ],
)
def test_words_are_read_and_written_in_one_order(words: list[str], expected: Switches) -> None:
    assert parse(words) == expected
    assert parse(parse(words).words()) == expected
    assert parse(reversed(words)).words() == parse(words).words()


@pytest.mark.parametrize("word", ["wings", "at_once", "at_once=", "at_once=0", "at_once=-1", "positions=1", ""])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(StepError, match="makes nothing faster: use some of at_once=N, positions, negatives, "):
        parse(["negatives", word])


def test_processes_that_a_step_starts_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "positions")  # of somebody's shell
    for words in (["at_once=2", "adam"], []):
        switches.hand_over(parse(words))
        assert switches.handed_over(os.environ) == parse(words)
    assert switches.handed_over({}) == Switches()
