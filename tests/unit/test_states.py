"""States of trainers: noted, checked, kept twice, and set aside where they are damaged."""

import hashlib
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common import files  # noqa: E402
from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune.espnet_states import check_state  # noqa: E402
from scripts.pretrain import checkpoints  # noqa: E402
from scripts.trainers import states  # noqa: E402
from scripts.trainers.states import Damaged  # noqa: E402


class CreatesAFile:
    """Unpickling this runs code, as unpickling a checkpoint may."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


ADAM = {"param_groups": [{"lr": 0.1, "betas": (0.9, 0.98)}]}


def state(updates: int, **changes: Any) -> dict[str, Any]:
    """As fairseq's, whose one weight is the number of updates."""
    return {
        "model": {"w": torch.full((5000,), float(updates)), "steps": torch.tensor([updates])},
        "optimizer_history": [{"num_updates": updates}],
        "extra_state": {"val_loss": 1.5},
        "last_optimizer_state": {"state": {0: {"exp_avg": torch.zeros(2)}}, **ADAM},
    } | changes


def save(path: Path, updates: int, **changes: Any) -> None:
    with states.saved(path, checkpoints.check) as file:
        torch.save(state(updates, **changes), file)


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """The newest of two states, at 20 updates; the one before is at 10."""
    path = tmp_path / "checkpoint_last.pt"
    save(path, 10)
    save(path, 20)
    return path


def newest(path: Path) -> int | None:
    found = states.newest(path, checkpoints.check, otherwise="it begins again")
    return None if found is None else checkpoints.updates_in(found)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_noted_as_sha256sum_does_and_the_one_before_is_kept(last: Path) -> None:
    kept = ["checkpoint_last.pt", "checkpoint_previous.pt"]
    assert names(last.parent) == sorted([*kept, *(f"{name}.sha256" for name in kept)])
    for name, updates in zip(kept, (20, 10), strict=True):
        path = last.with_name(name)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.with_name(f"{name}.sha256").read_text() == f"{digest}  {name}\n"
        assert checkpoints.updates_of(path) == updates
    save(last, 30)
    assert len(names(last.parent)) == 4  # never more than two
    assert checkpoints.updates_of(last.with_name("checkpoint_previous.pt")) == 20
    states.forget_previous(last)
    assert names(last.parent) == ["checkpoint_last.pt", "checkpoint_last.pt.sha256"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": {"w": torch.tensor([1.0, float("nan")])}}, r"has weights that are not finite \(w\)"),
        ({"model": {"w": torch.tensor([float("inf")]).half()}}, r"has weights that are not finite \(w\)"),
        ({"model": {}}, "has no weights"),
        ({"last_optimizer_state": {"state": {}, **ADAM}}, "lacks the optimizer's state"),
        ({"last_optimizer_state": None}, "lacks the optimizer's state"),
        ({"optimizer_history": []}, "is not a whole checkpoint of fairseq's"),
        ({"cfg": CreatesAFile(Path("trace"))}, "holds code beside its tensors, which was not run"),
    ],
)
def test_nothing_worse_replaces_a_state(last: Path, changes: dict[str, Any], reason: str) -> None:
    before = {path: path.read_bytes() for path in last.parent.iterdir()}
    with pytest.raises(StepError, match=f"what was to be saved {reason}: .*checkpoint_last.pt stays as it was"):
        save(last, 30, **changes)
    assert {path: path.read_bytes() for path in last.parent.iterdir()} == before


def test_a_checkpoint_that_has_not_begun_needs_no_optimizer(tmp_path: Path) -> None:
    save(tmp_path / "after-0.pt", 0, last_optimizer_state={"state": {}, **ADAM})
    with pytest.raises(StepError, match=r"lacks the optimizer's state: .*after-1\.pt was not written"):
        save(tmp_path / "after-1.pt", 1, last_optimizer_state={"state": {}, **ADAM})
    assert names(tmp_path) == ["after-0.pt", "after-0.pt.sha256"]


def test_an_optimizer_that_gathers_nothing_may_be_empty(tmp_path: Path) -> None:
    """SGD without momentum."""
    save(tmp_path / "after-1.pt", 1, last_optimizer_state={"state": {}, "param_groups": [{"lr": 0.1, "momentum": 0}]})


def flip(path: Path) -> None:
    """One bit, in the midst of the tensors."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # it may have another name, which stays good
    path.write_bytes(content)


DAMAGES = {
    "empty": (lambda path: os.truncate(path, 0), "is empty"),
    "cut off": (lambda path: os.truncate(path, path.stat().st_size // 2), r"is not what was saved \(sha256\)"),
    "one bit": (flip, r"is not what was saved \(sha256\)"),
    "of another run": (lambda path: path.write_bytes(b"PK"), r"is not what was saved \(sha256\)"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_state_is_set_aside_and_the_one_before_is_taken(last: Path, damage: str, capsys) -> None:
    harm, reason = DAMAGES[damage]
    last.with_name("checkpoint_best.pt").write_bytes(b"not looked at")
    harm(last)
    bytes_of_previous = last.with_name("checkpoint_previous.pt").read_bytes()
    assert newest(last) == 10
    (line,) = capsys.readouterr().out.splitlines()
    aside = "set aside as checkpoint_last.pt.damaged; training goes on from the state before"
    assert line == f"{last} {reason.replace(chr(92), '')}: {aside}"
    assert last.read_bytes() == bytes_of_previous
    assert names(last.parent) == [
        "checkpoint_best.pt",
        "checkpoint_last.pt",
        "checkpoint_last.pt.damaged",
        "checkpoint_last.pt.sha256",
    ]
    assert newest(last) == 10 and capsys.readouterr().out == ""  # and so it goes on at the next start
    save(last, 20)
    flip(last)
    assert newest(last) == 10  # what is set aside later takes the place of the earlier
    assert len([name for name in names(last.parent) if name.endswith(".damaged")]) == 1


@pytest.mark.parametrize("number", [5, 13])
def test_a_bad_sector_is_damage_and_what_may_pass_by_itself_is_not(last: Path, monkeypatch, number: int) -> None:
    sha256 = files.sha256

    def fails(path: Path) -> str:
        if path == last:
            raise OSError(number, os.strerror(number))
        return sha256(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "sha256", fails)
        if number == 5:
            assert newest(last) == 10
        else:
            with pytest.raises(PermissionError):
                newest(last)
    assert newest(last) == {5: 10, 13: 20}[number]


def test_both_damaged(last: Path, capsys) -> None:
    flip(last)
    os.truncate(last.with_name("checkpoint_previous.pt"), 0)
    assert newest(last) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(
        "checkpoint_previous.pt is empty: set aside as checkpoint_previous.pt.damaged; it begins again"
    )
    assert names(last.parent) == ["checkpoint_last.pt.damaged", "checkpoint_previous.pt.damaged"]


def test_nothing_there(tmp_path: Path, capsys) -> None:
    assert newest(tmp_path / "checkpoint_last.pt") is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_between_note_and_state_is_no_damage(last: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Both are noted while one is replaced by the other."""
    replace = os.replace

    def dies(source: Path, target: Path) -> None:
        if Path(target) != last:
            return replace(source, target)
        if moment == "after":
            replace(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", dies)
        save(last, 30)
    assert len(states.noted(last)) == 2
    assert newest(last) == {"before": 20, "after": 30}[moment]
    assert len(states.noted(last)) == 1
    flip(last)
    assert newest(last) == 20


def test_a_state_of_an_earlier_release_is_taken_without_running_it(tmp_path: Path, capsys) -> None:
    last = tmp_path / "checkpoint_last.pt"
    torch.save(state(7), last)
    assert newest(last) == 7 and len(states.noted(last)) == 1
    save(last, 8)
    assert checkpoints.updates_of(last.with_name("checkpoint_previous.pt")) == 7
    flip(last)
    assert newest(last) == 7


@pytest.mark.parametrize("form", ["torch's", "pickle's", "torch's before 1.6"])
def test_code_in_a_state_without_a_note_is_not_run(tmp_path: Path, capsys, form: str) -> None:
    last, trace = tmp_path / "checkpoint_last.pt", tmp_path / "trace"
    evil = state(7, cfg=CreatesAFile(trace))
    if form == "pickle's":
        last.write_bytes(pickle.dumps(evil["cfg"]))
    else:
        torch.save(evil, last, _use_new_zipfile_serialization=form == "torch's")
    assert newest(last) is None
    assert "set aside as checkpoint_last.pt.damaged; it begins again" in capsys.readouterr().out
    assert not trace.exists()
    with suppress(RuntimeError):  # a pickle alone is no checkpoint, as torch says once it has run it
        torch.load(tmp_path / "checkpoint_last.pt.damaged", weights_only=False)
    assert trace.exists()  # the trap does work


def test_a_copy_is_noted_and_what_was_removed_is_no_longer(last: Path) -> None:
    numbered = last.with_name("checkpoint_1_30.pt")
    save(numbered, 30)
    states.copied(numbered, last)
    assert states.noted(last) == states.noted(numbered) == [hashlib.sha256(numbered.read_bytes()).hexdigest()]
    assert newest(last) == 30
    numbered.unlink()  # as fairseq does with older ones
    save(last, 40)
    assert not numbered.with_name("checkpoint_1_30.pt.sha256").exists()


def test_what_changed_under_the_copy_is_not_taken(last: Path) -> None:
    numbered = last.with_name("checkpoint_1_30.pt")
    save(numbered, 30)
    flip(numbered)
    with pytest.raises(StepError, match=r"checkpoint_1_30\.pt changed while it was copied: .*last\.pt stays as it was"):
        states.copied(numbered, last)
    assert newest(last) == 20


class FullDisk:
    """A file that takes only so many bytes."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > 10_000:
            raise OSError(28, "No space left on device")
        return self.file.write(data)


def test_a_full_disk_is_named_though_torch_hides_it(last: Path) -> None:
    with pytest.raises(StepError) as caught, states.saved(last, checkpoints.check) as file:
        torch.save(state(30), FullDisk(file))
    assert str(caught.value).startswith(f"no space left on the disk of {last.parent}: make room and start again")
    assert newest(last) == 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reporter": {}}, "is not a whole checkpoint of ESPnet's"),
        ({"optimizers": [{"state": {}, **ADAM}]}, "lacks the optimizer's state"),
        ({"optimizers": []}, "lacks the optimizer's state"),
        ({"model": {"w": torch.tensor(float("nan"))}}, "has weights that are not finite"),
    ],
)
def test_what_espnet_needs(changes: dict[str, Any], reason: str) -> None:
    whole = {"reporter": {"epoch": 2}, "model": {"w": torch.tensor(1.0)}, "optimizers": [{"state": {0: 1}, **ADAM}]}
    check_state(whole)
    with pytest.raises(Damaged, match=reason):
        check_state(whole | changes)
