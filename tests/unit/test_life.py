"""When a trainer that shows no sign of life is given up."""

from pathlib import Path

import pytest

from scripts.trainers import life
from scripts.trainers.life import Signs

FEEDER = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/multiprocessing/queues.py", line 244, in _feed
    obj = _ForkingPickler.dumps(obj)
RuntimeError: unable to allocate shared memory(shm) for file </torch_7>: No space left on device (28)
"""
KILLED = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.\n"


class Trainer:
    """One whose clock is the test's."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "train.log"
        self.log.write_text(f"what an earlier start said\n{FEEDER}")
        self.now = 1000.0
        self.signs = Signs(self.log, self.now)

    def silent(self, seconds: float) -> bool:
        """Whether it is given up, looked at each second."""
        for _ in range(int(seconds)):
            self.now += 1
            if self.signs.look(self.now):
                return True
        return False

    def say(self, text: str = "a line\n") -> None:
        with self.log.open("a") as file:
            file.write(text)
        assert not self.silent(1)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    return Trainer(tmp_path)


def test_half_an_hour_whatever_came_before(trainer: Trainer) -> None:
    assert not trainer.silent(1800)
    assert trainer.silent(1)


def test_ten_times_the_longest_silence_so_far(trainer: Trainer) -> None:
    trainer.say()
    assert not trainer.silent(600)  # an update of ten minutes
    trainer.say()
    assert not trainer.silent(6000)
    assert trainer.silent(60)


def test_a_beat_is_a_sign_of_life(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(life.VARIABLE, str(trainer.signs.touched))
    for _ in range(4):
        assert not trainer.silent(1500)
        life.Beat()()
    assert trainer.signs.touched == trainer.log.with_name("alive")
    assert trainer.signs.longest > 1400


def test_beats_are_at_most_one_a_second_and_never_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(life.VARIABLE, str(tmp_path / "no such folder/alive"))
    life.Beat()()
    monkeypatch.setenv(life.VARIABLE, str(tmp_path / "alive"))
    beat = life.Beat()
    beat()
    (tmp_path / "alive").unlink()
    beat()
    assert not (tmp_path / "alive").exists()
    monkeypatch.delenv(life.VARIABLE)
    life.Beat()()


def test_a_machine_that_was_stopped_is_no_silence(trainer: Trainer) -> None:
    for _ in range(100):
        trainer.now += 3600
        assert not trainer.signs.look(trainer.now)


@pytest.mark.parametrize(("said", "sentence"), [(FEEDER, "found no space in /dev/shm"), (KILLED, "died, and it waits")])
def test_a_worker_that_died_shortens_it(trainer: Trainer, said: str, sentence: str) -> None:
    trainer.say(f"ours\n{said}")
    assert not trainer.silent(60)
    assert trainer.silent(2)
    assert sentence in trainer.signs.given_up("fairseq-hydra-train")


def test_what_earlier_starts_said_counts_for_nothing(trainer: Trainer) -> None:
    trainer.say()
    assert trainer.signs.dead_worker is None and trainer.signs.said() == "a line\n"


def test_a_line_that_is_still_being_written_is_read_once_it_is_whole(trainer: Trainer) -> None:
    trainer.say(KILLED[:20])
    assert trainer.signs.dead_worker is None
    trainer.say(KILLED[20:])
    assert trainer.signs.dead_worker == KILLED.strip()


def test_once_it_has_been_asked_to_save(trainer: Trainer) -> None:
    assert not trainer.silent(1500)
    trainer.signs.ask()
    assert not trainer.silent(300)
    assert trainer.silent(1)


def test_a_long_update_may_end_before_it_saves(trainer: Trainer) -> None:
    assert not trainer.silent(1200)
    trainer.say()
    trainer.signs.ask()
    assert not trainer.silent(3000)
    assert trainer.silent(700)


def test_the_sentence(trainer: Trainer) -> None:
    assert not trainer.silent(40)
    trainer.say()
    assert trainer.silent(2000)
    assert trainer.signs.given_up("asr_train") == (
        "asr_train has shown no sign of life for 30 minutes (its longest silence before was 40 s), so it was ended: "
        f"see {trainer.log}; started again, it goes on from what is saved"
    )
