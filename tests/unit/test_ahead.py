"""Work that is done ahead of who takes it."""

import threading

import pytest

from scripts.common.ahead import in_threads


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_their_items(threads: int) -> None:
    assert list(in_threads(threads, lambda item: item * item, range(50))) == [item * item for item in range(50)]


def test_no_more_is_taken_than_is_waited_for() -> None:
    taken = []
    results = in_threads(2, lambda item: item, (taken.append(item) or item for item in range(1_000)))
    assert next(results) == 0 and len(taken) == 5  # four that wait, and the one whose result was asked for
    results.close()


def test_an_error_is_that_of_the_item_and_ends_the_work() -> None:
    done = []

    def fail_at_three(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        done.append(item)
        return item

    before = threading.active_count()
    with pytest.raises(ValueError, match="three"):
        list(in_threads(2, fail_at_three, range(1_000)))
    assert len(done) < 20 and threading.active_count() == before
