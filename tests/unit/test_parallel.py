"""Which tests one worker runs, and what is made once for all: tests/parallel.py."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.parallel import ORDER, TESTS, Scheduler, group, once, place

COLLECTED = [
    "tests/slurm/test_interruptions.py::test_a_node_dies",
    "tests/slurm/test_demo.py::test_nothing_runs_twice",
    "tests/e2e/test_reruns.py::test_comments_run_nothing",
    "tests/e2e/test_reruns.py::test_average_last_trains_nothing",
    "tests/e2e/test_kills.py::test_killed_at_random_moments",
    "tests/e2e/test_processors.py::test_an_update[pretrain]",
    "tests/workflow/test_dag.py::test_one[a@b]",
    "tests/workflow/test_dag.py::test_another[a::b]",
    "tests/unit/test_text.py::test_one",
    "tests/unit/test_text.py::test_another",
]


@dataclass(eq=False)
class Worker:
    """As far as a scheduler knows it."""

    got: list[str] = field(default_factory=list)
    shutting_down: bool = False
    gateway: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(id="gw"))

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.got += [COLLECTED[number] for number in numbers]

    def shutdown(self) -> None:
        self.shutting_down = True


def test_a_group_goes_to_one_worker_whole_and_the_first_ones_first() -> None:
    option = SimpleNamespace(loadscopereorder=True)
    scheduler = Scheduler(SimpleNamespace(option=option, getvalue=lambda name: ["popen"] * 2))
    workers = [Worker(), Worker()]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, COLLECTED)
    scheduler.schedule()
    assert workers[0].got == [COLLECTED[number] for number in (0, 1, 5)]
    assert workers[1].got == COLLECTED[2:5]
    done = 0
    while done < len(workers[1].got):  # the other one is busy for long
        scheduler.mark_test_complete(workers[1], COLLECTED.index(workers[1].got[done]))
        done += 1
    assert workers[1].got == [*COLLECTED[2:5], *COLLECTED[6:]]


def test_every_path_is_there() -> None:
    assert [entry for entry in ORDER if not (TESTS / entry).exists()] == []
    assert place(TESTS / "slurm/test_nodes.py") == list(ORDER).index("slurm")
    assert group(TESTS / "workflow/test_dag.py") is None and group(TESTS / "unit/test_text.py") == "unit/test_text.py"


def test_what_is_made_once(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A worker that fails leaves it to the next one, from the beginning."""
    monkeypatch.setattr("tests.parallel.common", lambda factory: tmp_path)
    made = []

    def make(directory: Path) -> None:
        assert list(directory.iterdir()) == []
        (directory / "file").touch()
        made.append(directory)
        assert len(made) > 1, "the first fails"

    with pytest.raises(AssertionError, match="the first fails"):
        once(tmp_path_factory, "thing", make)
    assert [once(tmp_path_factory, "thing", make) for _ in range(2)] == [tmp_path / "thing"] * 2
    assert made == [tmp_path / "thing"] * 2
