"""Packing audio and pre-training by the steps' own command lines, with real fairseq, on a minute of noise."""

import argparse
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fairseq", reason="real fairseq is not installed")

from scripts.common import files
from scripts.common.digests import digest
from scripts.pretrain.pretrain import identity_of, place_manifests
from tests.e2e.steps import RATE, attempt, call, differences, kill_when, load, step, write_list, write_wav

pytestmark = pytest.mark.e2e

PER_FILE = 2
TRAIN, VALID = 36, 4  # utterances: 18 files make 9 micro-batches of 2, so 5 updates an epoch of 2 micro-batches each


@dataclass(frozen=True)
class Audio:
    """Manifests, and the samples (int16) of each of their files."""

    train: Path
    valid: Path
    samples: dict[str, list[np.ndarray]]


@dataclass(frozen=True)
class Milestone:
    """One segment's place: its published files and what it was made with."""

    output: Path
    best: Path
    options: dict[str, Any]

    def work(self) -> Path:
        """fairseq's working directory, the only one of this milestone."""
        (found,) = self.output.parent.glob(f"work/{self.output.stem}-*")
        return found


@pytest.fixture(scope="session")
def audio(tmp_path_factory) -> Audio:
    """Low-passed noise, 0.6 to 0.9 s an utterance, packed by the steps into two shards for training and one more."""
    root = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(1)
    manifests, samples = {}, {}
    for subset, count, shards in (("train", TRAIN, 2), ("valid", VALID, 1)):
        rows, spoken = [], []
        for number in range(count):
            noise = random.standard_normal(random.integers(int(0.6 * RATE), int(0.9 * RATE)))
            spoken.append((6000 * np.convolve(noise, np.ones(8) / 8, "same")).astype(np.int16))
            name = f"{subset}{number:03d}"
            write_wav(root / f"wav/{name}.wav", spoken[-1])
            rows.append((name, f"wav/{name}.wav", len(spoken[-1])))
        write_list(root / f"{subset}.tsv", rows)
        for shard in range(shards):
            step(
                "scripts.corpora.concatenate",
                utterances=root / f"{subset}.tsv",
                root=root,
                source=root / f"{subset}.tsv",
                utterances_per_file=PER_FILE,
                shard=shard,
                shards=shards,
                audio=root / f"audio/{subset}-{shard}.zip",
                manifest=root / f"audio/{subset}-{shard}.tsv",
            )
        parts = [root / f"audio/{subset}-{shard}.tsv" for shard in range(shards)]
        manifests[subset] = root / f"manifest/{subset}.tsv"
        step("scripts.corpora.write_manifest", parts=parts, output=manifests[subset])
        samples[subset] = [np.concatenate(spoken[start : start + PER_FILE]) for start in range(0, count, PER_FILE)]
    return Audio(manifests["train"], manifests["valid"], samples)


@pytest.fixture(scope="session")
def place(audio, tiny_recipe, write_recipe):
    """The options of one call of scripts.pretrain.pretrain."""
    recipe = write_recipe(tiny_recipe)

    def options_of(folder: Path, updates: int, before: Milestone | None = None, **others: Any) -> Milestone:
        milestone = Milestone(folder / f"after-{updates}-updates.pt", folder / f"best-until-{updates}-updates.pt", {})
        milestone.options.update(
            {"recipe": recipe, "train_manifest": audio.train, "valid_manifest": audio.valid, "updates": updates}
            | {"effective_gpus": 2, "precision": "auto", "seed": 1, "output": milestone.output, "best": milestone.best}
            | {"resume_from": before.output if before else [], "best_before": before.best if before else []}
            | others
        )
        return milestone

    return options_of


def pretrain(milestone: Milestone) -> Milestone:
    step("scripts.pretrain.pretrain", **milestone.options)
    return milestone


@pytest.fixture(scope="session")
def uninterrupted(place, tmp_path_factory) -> Milestone:
    """0 -> 12 updates in one call."""
    return pretrain(place(tmp_path_factory.mktemp("uninterrupted"), 12))


@pytest.fixture(scope="session")
def chain(place, tmp_path_factory) -> list[Milestone]:
    """0 -> 6 -> 10 -> 12 updates: the first ends within an epoch, the second at the end of one."""
    folder = tmp_path_factory.mktemp("chain")
    milestones: list[Milestone] = []
    for updates in (6, 10, 12):
        milestones.append(pretrain(place(folder, updates, milestones[-1] if milestones else None)))
    return milestones


def trained_bits(checkpoint: Path) -> dict[str, Any]:
    """What a run goes on from: weights, optimizer state, the iterator's place, and the counters of updates.

    Of the schedule's state only the count of updates decides learning rates; its `best` is a validation loss that
    polynomial decay does not read, and fairseq does not note it where a run ends together with an epoch.
    """
    state = load(checkpoint)
    assert state["model"] and state["last_optimizer_state"]["state"]
    assert set(state["optimizer_history"][-1]["lr_scheduler_state"]) == {"best"}
    return {
        "model": state["model"],
        "optimizer": state["last_optimizer_state"],
        "updates": state["optimizer_history"][-1]["num_updates"],
        "iterator": state["extra_state"]["train_iterator"],
        "validation loss": state["extra_state"]["val_loss"],
    }


def logged(milestone: Milestone, kind: str) -> list[dict[str, Any]]:
    """The JSON that fairseq logged in a segment, of kind train_inner or valid."""
    lines = (milestone.work() / "train.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line.split(" - ", 1)[1]) for line in lines if f"[{kind}][INFO] - {{" in line]


def test_fairseq_reads_back_the_samples_of_the_utterances_one_after_another(audio, tmp_path):
    from fairseq.data.audio.raw_audio_dataset import FileAudioDataset

    place_manifests({"train": audio.train, "valid": audio.valid}, tmp_path)
    for subset in ("train", "valid"):
        read = FileAudioDataset(str(tmp_path / f"{subset}.tsv"), sample_rate=RATE)
        assert len(read) == len(audio.samples[subset])
        for number, expected in enumerate(audio.samples[subset]):
            np.testing.assert_array_equal(read[number]["source"].numpy(), expected.astype(np.float32) / 32768)
            assert read.sizes[number] == len(expected)


def test_segments_end_with_the_bits_of_one_uninterrupted_run(chain, uninterrupted):
    one, other = trained_bits(uninterrupted.output), trained_bits(chain[-1].output)
    assert list(differences(one, other)) == []
    assert one["updates"] == 12
    assert one["iterator"]["epoch"] == 3  # so epochs ended on the way


def test_updates_change_the_weights(chain):
    # or the comparison above would hold for a trainer that does nothing
    at_6, at_12 = (load(chain[number].output)["model"] for number in (0, -1))
    changed = set(differences(at_6, at_12))
    assert {f"/{name}" for name in at_6 if name.endswith(".weight")} <= changed


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(place, uninterrupted, tmp_path):
    milestone = place(tmp_path, 12)
    logs = "work/after-12-updates-*/train.log"  # when update 5 is logged, update 4 is saved whole
    fifth = '"num_updates": "5"'
    kill_when(
        lambda: any(fifth in log.read_text() for log in tmp_path.glob(logs)),
        "scripts.pretrain.pretrain",
        **milestone.options,
    )
    assert not milestone.output.exists()
    reached = [int(entry["num_updates"]) for entry in logged(milestone, "train_inner")]
    assert 4 <= max(reached) < 12, "the run was not killed in its middle"

    pretrain(milestone)
    afterwards = [int(entry["num_updates"]) for entry in logged(milestone, "train_inner")][len(reached) :]
    assert min(afterwards) >= 5 and max(afterwards) == 12, "it started anew"
    assert list(differences(trained_bits(uninterrupted.output), trained_bits(milestone.output))) == []


def test_an_empty_state_costs_what_came_after_the_one_before(place, uninterrupted, tmp_path):
    milestone = place(tmp_path, 12)
    logs = "work/after-12-updates-*/train.log"  # when update 5 is logged, updates 2 and 4 are saved whole
    fifth = '"num_updates": "5"'
    kill_when(
        lambda: any(fifth in log.read_text() for log in tmp_path.glob(logs)),
        "scripts.pretrain.pretrain",
        **milestone.options,
    )
    reached = [int(entry["num_updates"]) for entry in logged(milestone, "train_inner")]
    saved = milestone.work() / "checkpoints"
    last, previous = (
        load(saved / f"checkpoint_{name}.pt")["optimizer_history"][-1]["num_updates"] for name in ("last", "previous")
    )
    os.truncate(saved / "checkpoint_last.pt", 0)

    said = step("scripts.pretrain.pretrain", **milestone.options)
    assert "set aside as checkpoint_last.pt.damaged; training goes on from the state before\n" in said
    afterwards = [int(entry["num_updates"]) for entry in logged(milestone, "train_inner")][len(reached) :]
    assert afterwards[0] == previous + 1 < last + 1 and afterwards[-1] == 12
    assert list(differences(trained_bits(uninterrupted.output), trained_bits(milestone.output))) == []
    kept = sorted(path.name for path in saved.iterdir() if path.suffix in (".pt", ".damaged"))
    assert kept[-2:] == ["checkpoint_last.pt", "checkpoint_last.pt.damaged"]  # previous is done with


def test_a_flipped_bit_of_audio_ends_in_one_sentence(audio, place, tmp_path):
    """In the midst of the samples: fairseq would have trained on it as noise."""
    corpus = tmp_path / "corpus"
    shutil.copytree(audio.train.parents[1], corpus)
    archive = corpus / "audio/train-1.zip"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 64
    archive.write_bytes(content)
    options = {"train_manifest": corpus / "manifest/train.tsv", "valid_manifest": corpus / "manifest/valid.tsv"}
    finished = attempt("scripts.pretrain.pretrain", **place(tmp_path / "out", 12, **options).options)
    assert finished.returncode == 1
    _, sentence = finished.stdout.splitlines()  # the first names the log
    assert re.match(rf"error: {archive} is damaged: train\d+\.\.train\d+\.wav \(bytes .*\) is not what was", sentence)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["work"]


def test_a_finished_run_is_published_again_without_training(chain, place, tiny_recipe, write_recipe):
    last = chain[-1]
    log, before = last.work() / "train.log", last.output.read_bytes()
    size, best = log.stat().st_size, last.best.read_bytes()
    for path in (last.output, last.best):
        path.unlink()
        path.with_suffix(".json").unlink()

    # neither how often it logs nor how many processes read ahead changes what is learnt
    common = tiny_recipe["common"] | {"log_interval": 7}
    recipe = write_recipe(tiny_recipe | {"common": common, "dataset": tiny_recipe["dataset"] | {"num_workers": 2}})
    again = pretrain(place(last.output.parent, 12, chain[1], recipe=recipe))
    assert again.work() == last.work()
    assert log.stat().st_size == size
    assert again.output.read_bytes() == before
    assert again.best.read_bytes() == best
    assert files.read_json(again.output.with_suffix(".json"))["sha256"] == files.sha256(again.output)


def test_what_decides_the_result_names_the_working_directory(uninterrupted, tiny_recipe, write_recipe):
    def name(**changes: Any) -> str:
        arguments = argparse.Namespace(**uninterrupted.options | changes)
        return f"after-12-updates-{digest(identity_of(arguments) | {'resumed_from_sha256': None})}"

    assert name() == uninterrupted.work().name
    masks = write_recipe(tiny_recipe | {"model": tiny_recipe["model"] | {"mask_prob": 0.6}})
    logs = write_recipe(tiny_recipe | {"common": tiny_recipe["common"] | {"log_interval": 7}})
    assert name(recipe=logs) == name()
    others = [name(seed=2), name(recipe=masks), name(effective_gpus=4)]
    others.append(name(train_manifest=uninterrupted.options["valid_manifest"]))
    assert len({name(), *others}) == 5


def plain_run(recipe: Path, data: Path, folder: Path) -> dict[str, Any]:
    """The checkpoint of stock fairseq, without our plugin, after one update at learning rate 0."""
    words = ["fairseq-hydra-train", "--config-dir", str(recipe.parent), "--config-name", recipe.stem]
    words += [f"task.data={data}", f"hydra.run.dir={folder}", f"checkpoint.save_dir={folder}", "common.seed=1"]
    words += ["common.cpu=true", "optimization.max_update=1", "optimization.lr=[0.0]", "optimizer.weight_decay=0.0"]
    finished = call(words)
    assert finished.returncode == 0, finished.stdout
    return load(folder / "checkpoint_last.pt")


@pytest.fixture(scope="session")
def plain_runs(audio, tiny_recipe, write_recipe, tmp_path_factory) -> list[dict[str, Any]]:
    """Two runs of stock fairseq with one seed."""
    data, recipe = tmp_path_factory.mktemp("plain-data"), write_recipe(tiny_recipe)
    place_manifests({"train": audio.train, "valid": audio.valid}, data)
    return [plain_run(recipe, data, tmp_path_factory.mktemp("plain")) for _ in range(2)]


def test_0_updates_is_where_a_run_starts(plain_runs, tiny_recipe, write_recipe, tmp_path):
    output = tmp_path / "after-0-updates.pt"
    step("scripts.pretrain.initialise", recipe=write_recipe(tiny_recipe), seed=1, output=output)
    assert list(differences(plain_runs[0]["model"], load(output)["model"])) == []
    facts = files.read_json(output.with_suffix(".json"))
    assert (facts["updates"], facts["sha256"]) == (0, files.sha256(output))


def test_without_the_plugin_two_runs_with_one_seed_differ(plain_runs):
    # The learning rate is 0, so the weights agree; Adam's moments hold the gradients, which do not. This shows that
    # the comparisons above can fail: masks drawn anew are enough.
    assert list(differences(*(run["last_optimizer_state"] for run in plain_runs))) != []


def test_best_has_the_lowest_validation_loss_until_then(chain):
    seen: list[float] = []
    for milestone in chain:
        seen += [float(entry["valid_loss"]) for entry in logged(milestone, "valid")]
        facts = files.read_json(milestone.best.with_suffix(".json"))
        assert round(facts["validation_loss"], 3) == min(seen)
        assert facts["sha256"] == files.sha256(milestone.best)
        assert load(milestone.best)["optimizer_history"][-1]["num_updates"] == facts["updates"]
    assert len(seen) > len(chain)


def test_wall_time_adds_up_over_segments(chain):
    seconds = [files.read_json(milestone.output.with_suffix(".json"))["training_seconds"] for milestone in chain]
    assert seconds[0] > 0 and seconds == sorted(set(seconds))


def test_best_is_carried_over_where_no_later_validation_is_better(chain, place, tmp_path):
    # a milestone that remembers a loss no validation can beat
    import torch

    first = place(tmp_path, 6)
    state = load(chain[0].output)
    state["extra_state"]["best"] = 0.0
    torch.save(state, first.output)
    facts = files.read_json(chain[0].output.with_suffix(".json")) | {"sha256": files.sha256(first.output)}
    files.write_json(first.output.with_suffix(".json"), facts)
    for path in (chain[0].best, chain[0].best.with_suffix(".json")):
        shutil.copy(path, tmp_path)

    second = pretrain(place(tmp_path, 8, first))
    assert len(logged(second, "valid")) >= 1
    for suffix in (".pt", ".json"):
        assert second.best.with_suffix(suffix).read_bytes() == first.best.with_suffix(suffix).read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_archive_ends_in_one_sentence_and_publishes_nothing(audio, place, tmp_path, damage):
    corpus = tmp_path / "corpus"
    shutil.copytree(audio.train.parents[1], corpus)
    archive = corpus / "audio/train-1.zip"
    if damage == "truncated":
        # within the samples of the last file: fairseq reads what is left as if it were all
        last = audio.train.read_text(encoding="utf-8").split()[-2]
        _, offset, length = last.split(":")
        os.truncate(archive, int(offset) + int(length) - 1)
    else:
        archive.unlink()
    options = {"train_manifest": corpus / "manifest/train.tsv", "valid_manifest": corpus / "manifest/valid.tsv"}
    milestone = place(tmp_path / "out", 6, **options)
    finished = attempt("scripts.pretrain.pretrain", **milestone.options)
    assert finished.returncode == 1
    (sentence,) = finished.stdout.splitlines()
    assert re.match(rf"error: .*train-1\.zip is {damage}", sentence)
    assert not (tmp_path / "out").exists()


def test_a_failing_fairseq_ends_in_one_sentence_and_publishes_nothing(place, tiny_recipe, write_recipe, tmp_path):
    recipe = write_recipe(tiny_recipe | {"model": tiny_recipe["model"] | {"encoder_attention_heads": 5}})
    finished = attempt("scripts.pretrain.pretrain", **place(tmp_path, 6, recipe=recipe).options)
    assert finished.returncode == 1
    (log,) = tmp_path.glob("work/*/train.log")
    said = "fairseq-hydra-train ended with exit code 1: see its last lines above, all in"
    assert finished.stdout.splitlines()[-1] == f"error: {said} {log}"
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_milestone_beyond_the_schedule_is_refused(place, tmp_path):
    finished = attempt("scripts.pretrain.pretrain", **place(tmp_path, 21).options)
    assert finished.returncode == 1
    assert finished.stdout.splitlines()[-1].startswith("error: lr_scheduler.total_num_update in the recipe is 20")
    assert list(tmp_path.iterdir()) == []
