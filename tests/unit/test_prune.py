"""What is removed of work/, and what is not; on directories that were put together by hand."""

import json
import os
import socket
from pathlib import Path

import pytest
import yaml

from scripts.cluster import prune, works
from scripts.cluster.works import Kind
from scripts.common import digests
from scripts.common.errors import StepError
from scripts.finetune.identity import name_of_work
from scripts.trainers import ownership

BLOCK = 4096
MADE_FROM = {"updates": 20, "recipe": {"a": 1}}
EPOCHS_MADE_FROM = {"recipe": {"b": 1}, "audio": {"train": "x"}}
CONFIG = {
    "pretraining": {"mandarin": {"updates": 30, "milestones": [10, 20]}},
    "checkpoints": {"english": {}},
    "finetuning": {"aishell1": {"learning_rates": [0.0002, 1], "seeds": [1, 2]}},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A working directory whose last table was made a day after the epoch began."""
    place = tmp_path / "my run"
    config = place / "results/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return place


def fill(path: Path, blocks: int = 1, time: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * BLOCK * blocks)
    if time is not None:
        os.utime(path, (time, time))
    return path


def milestone(directory: Path, updates: int, made_from: dict | None = MADE_FROM, model: str = "mandarin") -> Path:
    """The work of a milestone (2 blocks, of which one has a second name where it is published; and a log)."""
    folder = directory / "results/pretrain" / model
    work = folder / f"work/after-{updates}-updates-{digests.digest(MADE_FROM)}"
    fill(work / "checkpoints/numbered.pt")
    last = fill(work / "checkpoints/checkpoint_last.pt")
    fill(work / "train.log")
    if made_from:
        os.link(last, folder / f"after-{updates}-updates.pt")
        for name in ("after", "best-until"):
            (folder / f"{name}-{updates}-updates.json").write_text(json.dumps({"made_from": made_from}))
    return work


def branch(directory: Path, made_from: dict | None, rate: str = "0.0002", seed: int = 1, start: str = "") -> Path:
    """The work of a fine-tuning: one epoch and ESPnet's checkpoint, a block each, and a log."""
    start = start or "mandarin/after-10-updates"
    folder = directory / f"results/finetune/aishell1/from/{start}/lr-{rate}/seed-{seed}"
    work = folder / "work" / name_of_work(EPOCHS_MADE_FROM)
    epoch = fill(work / "1epoch.pth")
    fill(work / "checkpoint.pth")
    fill(work / "train.log")
    if made_from:
        (folder / "epochs").mkdir()
        os.link(epoch, folder / "epochs/1epoch.pth")
        (folder / "epochs.json").write_text(json.dumps({"made_from": made_from}))
    return work


def kinds(directory: Path, *configs: Path) -> dict[str, Kind]:
    found = prune.find(directory, configs)
    return {work.output.name if "finetune" not in str(work.output) else "epochs": work.kind for work in found}


def test_what_is_published_goes_but_for_its_log_and_its_other_name(directory: Path) -> None:
    work = milestone(directory, 20)
    tuned = branch(directory, EPOCHS_MADE_FROM | {"audio": {"train": "fingerprints came later"}})
    for each in (work, tuned):
        fill(each / "guard.json")  # what the report says of it
    found = prune.find(directory, ())
    assert [each.kind for each in found] == [Kind.PUBLISHED, Kind.PUBLISHED]
    assert [works.freed([each]) for each in found] == [BLOCK, BLOCK]  # not the log, not what is published
    assert prune.remove(found) == f"removed: 2 of 2 directories, {2 * BLOCK / 1000:.1f} kB"
    for each in (work, tuned):
        assert {path.name for path in each.rglob("*")} == {"train.log", "guard.json"}
        assert list(each.parent.iterdir()) == [each]
    assert (directory / "results/pretrain/mandarin/after-20-updates.pt").stat().st_size == BLOCK
    assert prune.find(directory, ()) == []


def test_what_was_given_up(directory: Path) -> None:
    milestone(directory, 20, made_from={"recipe": "another"})
    branch(directory, {"recipe": "another", "audio": {}})
    assert kinds(directory) == {"after-20-updates.pt": Kind.GIVEN_UP, "epochs": Kind.GIVEN_UP}


def test_what_a_trainer_goes_on_from_is_kept(directory: Path) -> None:
    milestone(directory, 20, made_from=None)
    branch(directory, None)
    found = prune.find(directory, ())
    assert {each.kind for each in found} == {Kind.KEPT} and all("unfinished" in each.why for each in found)
    assert prune.remove(found).startswith("removed: 0 of 0")
    assert len([each for each in directory.rglob("checkpoint*") if each.is_file()]) == 2


def test_what_can_be_published_again_is_kept(directory: Path) -> None:
    milestone(directory, 10)
    (directory / "results/pretrain/mandarin/best-until-10-updates.json").unlink()
    milestone(directory, 20)
    (directory / "results/pretrain/mandarin/after-20-updates.pt").unlink()
    found = prune.find(directory, ())
    assert {each.kind for each in found} == {Kind.KEPT}
    assert "best-until-10-updates.pt is not there" in found[0].why and "after-20-updates.pt was deleted" in found[1].why


@pytest.mark.parametrize("start", ["gone/after-10-updates", "mandarin/after-40-updates"])
@pytest.mark.parametrize("published", [None, EPOCHS_MADE_FROM])
def test_a_start_that_no_config_mentions(directory: Path, start: str, published: dict | None) -> None:
    work = branch(directory, published, start=start)
    found = prune.find(directory, (directory / "results/config.yaml",))
    assert [each.kind for each in found] == [Kind.UNMENTIONED] and "no " in found[0].why
    assert works.freed(found) == (3 if published is None else 2) * BLOCK  # the log as well
    prune.remove(found)
    assert not work.exists()


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ({"rate": "0.0002"}, Kind.KEPT),
        ({"rate": "1"}, Kind.KEPT),
        ({"rate": "0.0001"}, Kind.UNMENTIONED),
        ({"seed": 2}, Kind.KEPT),
        ({"seed": 3}, Kind.UNMENTIONED),
        ({"start": "english/given"}, Kind.KEPT),
        ({"start": "mandarin/best-at-15-updates"}, Kind.KEPT),
        ({"start": "mandarin/after-30-updates"}, Kind.KEPT),
    ],
    ids=str,
)
def test_a_branch_is_mentioned_as_a_whole(directory: Path, names: dict, kind: Kind) -> None:
    branch(directory, None, **names)
    assert kinds(directory, directory / "results/config.yaml") == {"epochs": kind}


def test_a_milestone_that_is_not_wanted_any_more_leaves_its_log_to_the_curve(directory: Path) -> None:
    dropped, gone = milestone(directory, 15, made_from=None), milestone(directory, 10, model="gone")
    found = prune.find(directory, (directory / "results/config.yaml",))
    assert {each.kind for each in found} == {Kind.UNMENTIONED}
    prune.remove(found)
    assert (dropped / "train.log").exists() and not gone.exists()


def test_what_is_newer_than_the_last_tables_config_is_in_doubt(directory: Path) -> None:
    work = milestone(directory, 40, made_from=None)
    config = directory / "results/config.yaml"
    os.utime(config, (1000, 1000))
    assert kinds(directory) == {"after-40-updates.pt": Kind.KEPT}
    for path in (*work.rglob("*"), work):
        os.utime(path, (500, 500))
    assert kinds(directory) == {"after-40-updates.pt": Kind.UNMENTIONED}


def test_any_config_may_mention(directory: Path, tmp_path: Path) -> None:
    milestone(directory, 40, made_from=None)
    milestone(directory, 45, made_from=None)
    milestone(directory, 50000, made_from=None)  # of config/config.yaml
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("pretraining: {mandarin: {milestones: [40]}}")
    two.write_text("pretraining: {mandarin: {updates: 41}}\nfinetuning:\n")
    expected = {40: Kind.KEPT, 45: Kind.UNMENTIONED, 50000: Kind.KEPT}
    assert kinds(directory, one, two) == {f"after-{n}-updates.pt": kind for n, kind in expected.items()}


def test_what_has_a_living_owner_is_kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    milestone(directory, 20)
    before = prune.find(directory, ())
    with ownership.owned(directory / "results/pretrain/mandarin/after-20-updates.pt", 0):
        (kept,) = prune.find(directory, ())
        assert kept.kind is Kind.KEPT and f"process {os.getpid()} on {socket.gethostname()}" in kept.why
        assert "somebody has begun to work" in prune.remove(before)
        assert (before[0].directory / "checkpoints/checkpoint_last.pt").exists()
    assert kinds(directory) == {"after-20-updates.pt": Kind.PUBLISHED}


def test_an_owners_record_that_cannot_be_read_keeps(directory: Path) -> None:
    milestone(directory, 20)
    fill(directory / "results/pretrain/mandarin/work/after-20-updates.owners/0001.json")
    assert kinds(directory) == {"after-20-updates.pt": Kind.KEPT}


def test_a_removal_that_was_ended_leaves_nothing_to_go_on_from(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = milestone(directory, 20)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        prune.remove(prune.find(directory, ()))
    assert not work.exists()
    found = prune.find(directory, ())
    assert [each.kind for each in found] == [Kind.HALF_REMOVED]
    prune.remove(found)
    assert [path.name for path in work.parent.rglob("*")] == [work.name, "train.log"]


def test_others_directories_are_not_looked_at(directory: Path) -> None:
    folder = directory / "results/pretrain/mandarin/work"
    fill(folder / "mine/a")
    fill(folder / "after-20-updates.owners/note")
    (folder / f"after-20-updates-{'0' * 12}").symlink_to(folder / "mine")
    assert prune.find(directory, ()) == []


def test_the_page_asks_for_consent(directory: Path, capsys: pytest.CaptureFixture, monkeypatch) -> None:
    work = milestone(directory, 20)
    milestone(directory, 30, made_from=None)
    monkeypatch.setattr("sys.argv", ["prune", "--directory", str(directory)])
    prune.main()
    page = capsys.readouterr().out
    assert f"  results/pretrain/mandarin/work/{work.name}" in page and "4.1 kB" in page and "unfinished" in page
    assert page.endswith("4.1 kB in all; nothing has been removed: add --remove (make: ARGS=--remove)\n")
    assert (work / "checkpoints/checkpoint_last.pt").exists()
    monkeypatch.setattr("sys.argv", ["prune", "--directory", str(directory), "--remove"])
    prune.main()
    assert "removed: 1 of 1 directories, 4.1 kB" in capsys.readouterr().out and not (work / "checkpoints").exists()


def test_mistakes_are_one_sentence(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="is not a directory: give --directory"):
        prune.find(tmp_path / "nowhere", ())
    with pytest.raises(StepError, match="give --configfile the files that Snakemake was given"):
        prune.find(directory, (tmp_path / "none.yaml",))
    (directory / "results/config.yaml").write_text("[1]")
    with pytest.raises(StepError, match="is not a config of this workflow"):
        prune.find(directory, ())
    (directory / "results/config.yaml").unlink()
    with pytest.raises(StepError, match="is not there yet: give --configfile"):
        prune.find(directory, ())
