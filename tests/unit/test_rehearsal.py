"""What is rehearsed of a config, and what is read from it: corpora and logs that were put together by hand."""

import json
import re
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
import yaml

from scripts.cluster.rehearsal import call, corpus, estimate, failures, measured, plan, report
from scripts.cluster.rehearsal.corpus import Utterance
from scripts.common.errors import StepError
from scripts.common.provenance import REPOSITORY
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry

NOON = datetime(2026, 11, 22, 12)
CONFIG = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))


def utterances(*seconds: float, subset: str = "train") -> list[Utterance]:
    return [Utterance(Entry(f"u{n:03}", "s", subset, f"{n}.wav", "甲", ""), each) for n, each in enumerate(seconds)]


def whole(config: dict) -> dict:
    """A config in which what may be left out is filled in, as far as it is used here."""
    config = deepcopy(config)
    for entry in config["corpora"].values():
        entry |= {"exclude": None, "convert": False} | entry
    for entry in config["finetuning"].values():
        entry |= {"train_hours": None, "test": "test"} | entry
    for entry in config["pretraining"].values():
        entry |= {"start_from": None} | entry
    return config


# Parts of corpora


def test_a_part_is_spread_over_all() -> None:
    assert corpus.spread(range(10), 5) == [0, 2, 4, 6, 8] and corpus.spread(range(3), 5) == [0, 1, 2]
    there = utterances(*[2.0] * 100)
    part = corpus.lasting(there, 20)
    assert 20 <= sum(each.seconds for each in part) <= 24 and part[-1].entry.utterance > "u080"
    assert corpus.lasting(there, 500) == there
    assert [each.seconds for each in corpus.longest(utterances(1, 3, 2), 2)] == [3, 2]


def test_a_survey_measures_by_the_sizes_of_files_and_by_segments(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    for name, seconds in (("a", 3), ("b c", 5)):
        soundfile.write(tmp_path / f"{name}.wav", [0.0] * 8000 * seconds, 8000, subtype="PCM_16")
    (folder / "wav.scp").write_text("ra a.wav\nrb b c.wav\nrc gone.wav\n")
    (folder / "text").write_text("u1 甲\nu2 乙\nu3 丙\nu4\n")
    (folder / "segments").write_text("u1 ra 0.5 -1\nu2 rb 1 2.25\nu3 rc 0 1\nu4 rb 0 1\n")
    found = corpus.survey({"format": "kaldi", "root": str(tmp_path)}, Path("/"))
    assert {each.entry.utterance: round(each.seconds, 2) for each in found["train"]} == {"u1": 2.5, "u2": 1.25}


def test_a_part_is_read_as_it_was(tmp_path: Path) -> None:
    root, folder = tmp_path / "a corpus", tmp_path / "part"
    entries = [
        Entry("u1", "s1", "train", "wav/a b.wav", "甲 乙"),
        Entry("u2", "", "train", "/else/where.flac", "丙", span=(0.25, -1.0)),
        Entry("u2", "", "train", "/else/where.flac", "丙", span=(0.25, -1.0)),
        Entry("d1", "s2", "dev", "wav/d.wav", "丁"),
    ]
    part = {name: [Utterance(e, 1.0) for e in entries if e.subset == name] for name in ("train", "dev")}
    corpus.write(part, root, folder)
    read = {entry.utterance: entry for entry in FORMATS["kaldi"].read(folder)}
    assert read.keys() == {"u1", "u2", "d1"} and all(not entry.problem for entry in read.values())
    assert (read["u1"].path, read["u1"].speaker, read["u1"].span) == (str(root / "wav/a b.wav"), "s1", (0.0, -1.0))
    assert (read["u2"].path, read["u2"].span, read["u2"].transcript) == ("/else/where.flac", (0.25, -1.0), "丙")
    assert (read["d1"].subset, read["d1"].span) == ("dev", None)  # whole recordings need no conversion


# What is rehearsed


def test_an_update_of_the_published_run_takes_two_hours_of_audio() -> None:
    run = CONFIG["pretraining"]["mandarin"]
    recipe = plan.recipe_of(run)
    # 64 x 87.5 s, in crops of 15.625 s out of files of 6 x 3.6 s
    assert plan.seconds_an_update(recipe, run, 3.6) == pytest.approx(64 * 87.5 * 6 * 3.6 / 15.625)
    # files that are shorter than a crop are heard whole
    assert plan.seconds_an_update(recipe, run, 2.0) == pytest.approx(64 * 87.5)
    assert plan.seconds_an_update({"dataset": {"batch_size": 4}}, run, 2.0) == 64 * 4 * 12
    assert plan.seconds_an_update({}, run, 2.0) is None


def test_as_much_is_chosen_as_the_updates_need_with_the_longest_for_fine_tuning() -> None:
    config = whole(CONFIG)
    train = utterances(*[3.6] * 60_000)
    short = utterances(*[3.0] * 5_000, 14.0)
    surveys = {
        "aishell2": {"train": train},
        "aishell1": {
            "train": short,
            "dev": utterances(*[4.0] * 100, subset="dev"),
            "test": utterances(1, subset="test"),
        },
    }
    chosen = plan.choose(config, plan.of(config), surveys)
    seconds = sum(each.seconds for each in chosen["aishell2"]["train"])
    needed = plan.seconds_an_update(
        plan.recipe_of(config["pretraining"]["mandarin"]), config["pretraining"]["mandarin"], 3.6
    )
    assert needed is not None and 20 * needed < seconds < 26 * needed
    tuned = {each.entry.utterance: each for each in chosen["aishell1"]["train"]}
    assert 20 * 64 <= len(tuned) <= 20 * 64 + 64 and max(each.seconds for each in tuned.values()) == 14
    assert (
        len(chosen["aishell1"]["dev"]) == 64 + 64 and len({u.entry.utterance for u in chosen["aishell1"]["test"]}) == 1
    )


def test_the_overlay_asks_for_two_segments_and_one_branch(tmp_path: Path) -> None:
    config = whole(CONFIG)
    config["corpora"]["aishell1"]["exclude"] = "lists/bad.txt"
    config["finetuning"]["aishell1"] |= {"learning_rates": [0.1, 0.2], "seeds": [3, 4], "train_hours": 10}
    what = plan.of(config)
    part = {"aishell2": {"train": utterances(*[3.6] * 300)}, "aishell1": {"train": utterances(3.0)}}
    small = plan.overlay(config, what, Path("/exp"), tmp_path, part)
    run, task = small["pretraining"]["mandarin"], small["finetuning"]["aishell1"]
    assert (run["updates"], run["milestones"], run["best"]) == (20, [10, 20], False)
    assert run["effective_gpus"] == 64 and run["precision"] == "auto"
    assert run["validation_fraction"] == pytest.approx(16 * 6 / 300)  # fairseq drops fewer than eight files
    assert (task["learning_rates"], task["seeds"], task["train_hours"], task["average_last"]) == ([0.1], [3], None, 2)
    assert small["corpora"]["aishell1"]["exclude"] == "/exp/lists/bad.txt"
    assert small["corpora"]["aishell2"]["without_transcripts_of"] == ["aishell1"]
    assert {entry["format"] for entry in small["corpora"].values()} == {"kaldi"}
    assert what.targets(config) == [
        "results/pretrain/mandarin/after-20-updates.pt",
        "results/cer/aishell1/dev/from/mandarin/after-20-updates/lr-0.1/seed-3.json",
        "results/cer/aishell1/test/from/mandarin/after-20-updates/lr-0.1/seed-3.json",
    ]
    assert config["pretraining"]["mandarin"]["updates"] == 400000  # the user's is as it was


def test_a_task_without_pretraining_starts_from_a_given_checkpoint() -> None:
    config = whole(CONFIG) | {"experiments": [{"finetuning": "aishell1", "from": ["english"]}]}
    config["checkpoints"]["english"]["path"] = "given/x.pt"
    what = plan.of(config)
    assert (what.models, what.tasks) == ([], {"aishell1": ("english", "given")})
    small = plan.overlay(config, what, Path("/exp"), Path("/place"), {"aishell1": {}})
    assert small["checkpoints"]["english"]["path"] == "/exp/given/x.pt" and small["pretraining"] == {}


def test_recipes_are_read_as_their_trainers_do(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("a: 1e-06\nb: 0.1\nc: 1.5e3\nd: 1e-06x\ne: 12\nf: ???\n")
    user = {"recipe": str(tmp_path / "recipe.yaml")}
    as_fairseq = {"a": 1e-06, "b": 0.1, "c": 1500.0, "d": "1e-06x", "e": 12, "f": "???"}
    assert plan.recipe_of(user | {"milestones": [1]}) == as_fairseq
    assert plan.recipe_of(user)["a"] == "1e-06"
    assert yaml.load(yaml.safe_dump(as_fairseq), plan.HydrasLoader) == as_fairseq


def test_the_checkpoint_that_a_run_starts_from_comes_along() -> None:
    config = whole(CONFIG)
    config["pretraining"]["mandarin"]["start_from"] = "english"
    config["checkpoints"]["another"] = config["checkpoints"]["english"]
    small = plan.overlay(config, plan.of(config), Path("/exp"), Path("/place"), {"aishell1": {}, "aishell2": {}})
    assert list(small["checkpoints"]) == ["english"]


def test_recipes_are_shorter_and_otherwise_the_same() -> None:
    recipe = plan.recipe_of(CONFIG["pretraining"]["mandarin"])
    small = plan.pretraining_recipe(recipe)
    assert small.pop("common") == {"log_format": "json", "log_interval": 1}
    assert small == {name: keys for name, keys in recipe.items() if name != "common"}
    assert plan.pretraining_recipe({"lr_scheduler": {"total_num_update": 5}})["lr_scheduler"]["total_num_update"] == 20
    recipe = plan.recipe_of(CONFIG["finetuning"]["aishell1"])
    small = plan.finetuning_recipe(recipe)
    changed = {key: value for key, value in small.items() if recipe.get(key) != value}
    assert changed.pop("encoder_conf") == recipe["encoder_conf"] | {"freeze_finetune_updates": 0}
    assert changed == {"max_epoch": 2, "num_iters_per_epoch": 20, "keep_nbest_models": 2, "log_interval": 10}


# What Snakemake is told


def test_words_are_read_with_their_profile() -> None:
    found = call.parse(["--profile", "profiles/slurm", "--directory", str(REPOSITORY), "-n"])
    assert found.directory == REPOSITORY and found.dry
    assert (found.resource("pretrain", "mem_mb"), found.resource("finetune", "runtime")) == (200000, 1440)
    assert found.resource("list_utterances", "runtime") is None and found.resource("nothing", "mem_mb") is None


@pytest.fixture(autouse=True)
def _corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(call, "check", lambda *_: None)  # there are none in the repository


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--no-such-word"], r"does not take these words \(.*--no-such-word"),
        (["all"], "takes no targets: leave all out"),
        (["--directory", "/no/where"], "/no/where is not a directory: give --directory"),
        (["--config", "label=x"], "--config sets label: write it into a file"),
        (["--configfile", "README.md"], "README.md cannot be read as a config"),
    ],
)
def test_words_that_a_rehearsal_cannot_take(words: list[str], sentence: str) -> None:
    with pytest.raises(StepError, match=sentence):
        call.parse([*words, "--cores", "1"])


# What the logs say


def line(seconds: float, logger: str, facts: dict | str) -> str:
    stamp = (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    return f"[{stamp}][{logger}][INFO] - {facts if isinstance(facts, str) else json.dumps(facts)}\n"


def inner(seconds: float, updates: int, wall: int = 2, **facts: str) -> str:
    return line(seconds, "train_inner", {"num_updates": str(updates), "train_wall": str(wall), **facts})


def fairseqs(path: Path, start: float, first: int, step: float = 2.0, trained: float = 19, **facts: str) -> Path:
    """A segment of ten updates of which the first three take longer."""
    text = line(start, "fairseq_cli.train", "{'_name': None, 'common': {}}")
    text += line(start, "fairseq.trainer", f"Loaded checkpoint /x.pt (epoch 1 @ {first} updates)") if first else ""
    text += line(start, "fairseq.utils", "rank   0: capabilities =  7.0  ; total memory = 31.750 GB ; name = V100")
    text += line(start, "fairseq.trainer", "begin training epoch 1")
    time = start + 30
    for number in range(1, 11):
        time += 9 if number <= 3 else step
        text += inner(time, first + number, **facts)
    text += line(time + 60, "train", {"train_num_updates": str(first + 10), "train_train_wall": str(trained)})
    path.write_text(text)
    return path


def test_the_speed_of_pretraining_leaves_out_starts_and_what_lies_between_epochs(tmp_path: Path) -> None:
    one = fairseqs(tmp_path / "1", 0, 0, gb_free="22.5")
    two = fairseqs(tmp_path / "2", 1000, 10, gb_free="21.0")
    with two.open("a") as file:  # another epoch: validation came between
        file.write(inner(1200, 21) + inner(1202, 22) + "torn li\n")
    found = measured.pretraining([one, two, tmp_path / "none"])
    assert found.seconds == pytest.approx(2.0) and found.resumed_at == 10
    assert (found.gpu_used, found.gpu_total) == (pytest.approx(10.75), 31.75) and not found.skipped


def test_the_wait_for_audio_is_what_an_epoch_is_longer_than_its_training(tmp_path: Path) -> None:
    # behind the first update 2 x 9 s and 7 x 2 s, of which 14 - 2 in training
    found = measured.pretraining([fairseqs(tmp_path / "1", 0, 0, trained=14)])
    assert found.waiting == pytest.approx((20 / 32, 1 / 32))
    found = measured.pretraining([fairseqs(tmp_path / "1", 0, 0, trained=34)])
    assert found.waiting == pytest.approx((0.0, 1 / 32))


def test_updates_that_did_not_fit_are_noticed(tmp_path: Path) -> None:
    log = fairseqs(tmp_path / "1", 0, 0)
    log.write_text(
        log.read_text() + line(90, "fairseq.trainer", "attempting to recover from OOM in forward/backward pass")
    )
    assert measured.pretraining([log]).skipped


def test_the_pace_of_fine_tuning_is_that_of_later_batches(tmp_path: Path) -> None:
    batches = "INFO:root:{}epoch:train:{}batch: iter_time={}, loss=8.6, optim0_lr0=0.003train_time={}\n"
    text = "".join(
        batches.format(*each)
        for each in [(1, "1-10", 9.0, 30.0), (1, "11-20", 0.1, 4.0), (2, "1-10", 9, 30), (2, "11-20", "5.000e-02", 2.0)]
    )
    text += "INFO:root:2epoch results: [train] iter_time=1, time=1 minute and 6.31 seconds, [valid] loss=1, "
    text += "time=1 minute and 0.7 seconds, total_count=2, gpu_max_cached_mem_GB=11.25\n"
    log = tmp_path / "train.log"
    log.write_text(text)
    found = measured.finetuning(log, accum_grad=2)
    assert (found.seconds, found.gpu_used, found.validation) == (3.0, 11.25, 60.7)
    assert found.waiting == pytest.approx((2 * 0.075 / 3, 0))
    assert measured.finetuning(tmp_path / "none", 1) == measured.Pace()


# How long, how much


def test_the_published_experiment_has_seven_milestones_and_eight_fine_tunings() -> None:
    run = CONFIG["pretraining"]["mandarin"]
    assert (estimate.updates_of(run), estimate.milestones_of(run)) == (400_000, 7)
    assert (estimate.updates_of(run | {"best": False}), estimate.milestones_of(run | {"best": False})) == (376_000, 6)
    assert estimate.branches_of(CONFIG, "aishell1") == 8  # docs/reproduce.md
    twice = deepcopy(CONFIG)
    twice["experiments"] += [{"finetuning": "aishell1", "from": ["english"]}]
    twice["finetuning"]["aishell1"]["seeds"] = [1, 2]
    assert estimate.branches_of(twice, "aishell1") == 16


def test_an_epoch_of_fine_tuning_has_at_least_1880_updates() -> None:
    recipe = plan.recipe_of(CONFIG["finetuning"]["aishell1"])
    assert estimate.updates_an_epoch(recipe, [4.0] * 120_098) == 1_877  # config/finetune/aishell1.yaml: rounded
    # 5 s and more: 16 a batch; 10 s: 10
    assert estimate.updates_an_epoch(recipe | {"accum_grad": 1}, [1.0] * 32 + [6.0] * 16 + [11.0] * 10) == 3
    assert estimate.updates_an_epoch({"batch_type": "unsorted", "batch_size": 2}, [1.0, 20.0, 2.0]) == 2


def test_a_part_of_train_is_trained_on() -> None:
    train = {"train": utterances(*[3600.0] * 100)}
    assert len(estimate.trained_on({"train_hours": 10}, train)) == 10
    assert len(estimate.trained_on({"train_hours": None}, train)) == 100


def test_the_disk_of_the_published_experiment(tmp_path: Path) -> None:
    def fill(path: str, size: int) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / path).open("wb") as file:
            file.truncate(size)

    config = whole(CONFIG)
    start = "results/finetune/aishell1/from/mandarin/after-20-updates"
    fill("results/pretrain/mandarin/after-20-updates.pt", 1_140_000_000)
    fill(f"{start}/encoder.pt", 380_000_000)
    fill(f"{start}/lr-0.0002/seed-1/epochs/1epoch.pth", 390_000_000)
    fill(f"{start}/lr-0.0002/seed-1/work/x/checkpoint.pth", 1_100_000_000)
    fill(f"{start}/lr-0.0002/seed-1/average-of-last-2.pth", 400_000_000)
    surveys = {"aishell2": {"train": utterances(960 * 3600)}, "aishell1": {"train": utterances(150 * 3600)}}
    found = {item.name: item.bytes / 1e9 for item in estimate.disk(config, plan.of(config), surveys, tmp_path)}
    # docs/reproduce.md, Storage
    assert found == pytest.approx(
        {
            "mandarin, packed audio": 110.6,
            "mandarin, checkpoints": 23.9,
            "aishell1, fine-tunings": 74.4,
            "aishell1, encoders": 3.04,
        },
        abs=0.05,
    )
    config["corpora"]["aishell1"]["convert"] = True
    items = estimate.disk(config, plan.of(config), surveys, tmp_path)
    assert items[0].name == "aishell1, converted" and items[0].bytes == 150 * 3600 * 32_000


# The page


@pytest.fixture
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[call.Call, dict[str, corpus.Corpus], Path]:
    """A rehearsal of the published experiment on eight GPUs, of which each update took two seconds."""
    place = tmp_path / "rehearsal"
    monkeypatch.setattr(report.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))

    def lay(path: str, content: str) -> Path:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content, encoding="utf-8")
        return place / path

    model, branch = "results/pretrain/mandarin", "aishell1/from/mandarin/after-20-updates/lr-0.0002/seed-1"
    fairseqs(lay(f"{model}/work/after-10-updates-0/train.log", ""), 0, 0, trained=33, gb_free="22.75")
    fairseqs(lay(f"{model}/work/after-20-updates-1/train.log", ""), 500, 10, trained=33, gb_free="22.75")
    lay(f"{model}/after-20-updates.json", json.dumps({"processes": 8, "device": "V100"}))
    lay("benchmarks/pretrain/mandarin/after-20-updates.tsv", "s\tmax_rss\n90\t150000\n")
    batches = "INFO:root:2epoch:train:{}batch: iter_time=0.2, loss=8.6, train_time=4.0\n"
    ended = (
        "INFO:root:2epoch results: [train] time=9 seconds, [valid] loss=1, time=6 seconds, gpu_max_cached_mem_GB=11\n"
    )
    lay(f"results/finetune/{branch}/work/x/train.log", batches.format("1-10") + batches.format("11-20") + ended)
    lay(f"results/finetune/{branch}/epochs.json", json.dumps({"processes": 1, "device": "V100"}))
    lay("results/finetune/aishell1/data/dev/text", "d 甲\n" * 60)
    for subset in ("dev", "test"):
        lay(f"results/transcripts/{branch.replace('/from', f'/{subset}/from')}/text", "d 甲\n" * 50)
    lay(f"benchmarks/transcribe/{branch}.tsv", "s\tmax_rss\n30\t100\n")
    # half as long as the sizes of their files say
    lay("results/corpora/aishell1/utterances.tsv", f"utterance\nu000\ts\ttrain\tp\t{4 * 16000}\t甲\n")
    surveys = {
        "aishell2": {"train": utterances(960 * 3600)},
        "aishell1": {subset: utterances(*[8.0] * n) for subset, n in (("train", 640), ("dev", 600), ("test", 400))},
    }
    resources = {"pretrain": {"mem_mb": 200000}, "finetune": {"runtime": 1440}}
    return call.Call((), tmp_path, whole(CONFIG), resources, False, None), surveys, place


def lines_of(part: str) -> dict[str, str]:
    rows = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in part.splitlines()[1:]]
    return {label: facts for label, facts in rows}


def test_the_page_of_a_rehearsal(rehearsed: tuple[call.Call, dict[str, corpus.Corpus], Path]) -> None:
    of, surveys, place = rehearsed
    found = report.report(of, plan.of(of.config), surveys, place)
    assert found.problems == []
    assert lines_of(found.parts[0]) == {
        "memory": "GPU: 9.0 of 31.8 GB, job: 150.0 of 200.0 GB",
        "loader": "waited for 3% of the time (give or take 3%)",  # 2 x 32 s, of which 2 x (33 - 2) in training
        "resuming": "a second job went on from update 10 to 20",
        "speed": "0.5 updates/s on 8 x V100",
        "until the table": "400,000 updates, 9 d 6 h of computing, 1,777.8 GPU hours",  # 800,000 s
    }
    assert lines_of(found.parts[1]) == {
        "memory": "GPU: 11.0 GB",
        "loader": "waited for 10% of the time",  # two batches an update
        "resuming": "not rehearsed: a second start goes on behind the last whole epoch",
        "speed": "0.25 updates/s on V100",
        # 640 of 4 s: 20 batches of 32, 10 updates, 20 epochs
        "until the table": "200 updates in each of 8 fine-tunings, 13 min of computing each, 1.8 GPU hours",
        "an epoch": "10 updates, 2 min with its validation",  # 40 s and 10 times 6 s
        "transcribing": "at most 5 min each, 1,000 utterances",
    }
    assert "110.6 GB" in lines_of(found.parts[2])["mandarin, packed audio"]


def test_what_stands_in_the_way_is_said(
    rehearsed: tuple[call.Call, dict[str, corpus.Corpus], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    of, surveys, place = rehearsed
    of.resources.update({"pretrain": {"mem_mb": 151000}, "finetune": {"runtime": 10}})
    monkeypatch.setattr(report.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**11))
    fairseqs(place / "results/pretrain/mandarin/work/after-20-updates-1/train.log", 500, 10, trained=10)
    with (place / "results/pretrain/mandarin/work/after-10-updates-0/train.log").open("a") as file:
        file.write(line(99, "fairseq.trainer", "attempting to recover from OOM in forward/backward pass"))
    problems = report.report(of, plan.of(of.config), surveys, place).problems
    for beginning in (
        "pretraining.mandarin: batches did not fit into the GPU's memory and were left out: halve max_tokens",
        "pretrain took 150,000 MB of 151,000: raise mem_mb of set-resources.pretrain",
        "39% of the time the trainer waits for audio; pretraining.mandarin: raise cpus_per_task, and num_workers",
        "an epoch of fine-tuning aishell1 takes 2 min and is saved at its end: raise runtime of set-resources.finetune",
        "the experiment takes 110.6 GB and",
    ):
        assert any(problem.startswith(beginning) for problem in problems), (beginning, problems)
    assert len(problems) == 5


def test_a_rehearsal_that_got_nowhere_says_so(tmp_path: Path) -> None:
    of = call.Call((), tmp_path, whole(CONFIG), {}, False, None)
    found = report.report(of, plan.of(of.config), {"aishell1": {}, "aishell2": {}}, tmp_path / "nothing")
    assert lines_of(found.parts[0])["resuming"] == "not reached" and found.problems == []
    assert lines_of(found.parts[1])["speed"] == "not told by its log"


# What went wrong


@pytest.mark.parametrize(
    ("path", "said", "sentence"),
    [
        (
            "results/pretrain/mandarin/work/after-10-updates-x/train.log",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
            "pretraining.mandarin does not fit into the GPU's memory: halve max_tokens in config/pretrain/base.yaml "
            "and double pretraining.mandarin.effective_gpus",
        ),
        (
            "results/finetune/aishell1/from/mandarin/after-20-updates/lr-1/seed-1/work/x/train.log",
            "torch.OutOfMemoryError: CUDA out of memory",
            "finetuning.aishell1 does not fit into the GPU's memory: halve batch_size in config/finetune/aishell1.yaml "
            "and double accum_grad",
        ),
        (
            "results/pretrain/mandarin/work/after-10-updates-x/train.log",
            "RuntimeError: unable to write to file </torch_12_3>: No space left on device (28)",
            "pretraining.mandarin: /dev/shm is too small for its data workers",
        ),
        (
            "logs/pretrain/mandarin/x.log",
            "error: effective_gpus: 64 cannot be reached with 6 GPUs: use 4",
            "effective_gpus: 64",
        ),
        (
            "logs/finetune/aishell1/x.log",
            "error: x got nowhere within the job's time limit: raise it",
            "finetune ran out of time: raise runtime of set-resources.finetune in the profile",
        ),
        (
            ".snakemake/log/1.snakemake.log",
            "Error in rule pretrain:\n SLURM status is: 'OUT_OF_MEMORY'",
            "pretrain needs more memory: raise mem_mb of set-resources.pretrain in the profile",
        ),
    ],
)
def test_a_failure_is_a_sentence_that_names_a_key(tmp_path: Path, path: str, said: str, sentence: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(f"something\n{said}\n", encoding="utf-8")
    (found,) = failures.explain(tmp_path, CONFIG)
    assert found.startswith(sentence) and str(tmp_path / path) in found


def test_what_went_well_is_no_failure(tmp_path: Path) -> None:
    for path in ("logs/pretrain/mandarin/x.log", "results/pretrain/mandarin/work/x/train.log", ".snakemake/log/1.log"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("error: 0\nfine\n")
    assert failures.explain(tmp_path, CONFIG) == []
