"""Whether what lies there is what is wanted now, on sidecars alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common import files, sidecars
from scripts.common.defaults import fill_in
from scripts.reruns import inputs
from scripts.reruns.numbers import parts_of_table
from scripts.reruns.parts import Part, with_all_above
from scripts.reruns.staleness import Staleness, differences
from scripts.reruns.wants import WANTS, Wish, _contents

KEYS = st.text(max_size=2)
NESTED = st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(KEYS, inner), max_leaves=5)
NAMES = {"task": "aishell1", "model": "mandarin", "lr": "0.1", "seed": "1", "subset": "test", "last": 2}
OF = NAMES | {"checkpoint": "after-10-updates", "updates": 10}


def test_differences_name_keys_with_both_values() -> None:
    before = {"seed": 1, "recipe": {"optimization": {"lr": [0.1]}, "model": {"a": 1}}, "same": "x"}
    now = {"seed": 2, "recipe": {"optimization": {"lr": [0.2]}, "model": {}}, "same": "x", "new": "y"}
    assert list(differences(before, now)) == [
        ("new", None, "y"),
        ("recipe.model.a", 1, None),
        ("recipe.optimization.lr", [0.1], [0.2]),
        ("seed", 1, 2),
    ]


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=2), NESTED), st.dictionaries(st.text(max_size=2), NESTED))
def test_there_are_differences_where_two_are_not_equal(one: dict, other: dict) -> None:
    assert list(differences(one, one)) == []
    assert bool(list(differences(one, other))) == bool(list(differences(other, one)))
    assert list(differences(one, other)) or _pruned(one) == _pruned(other)


def _pruned(value: object) -> object:
    """Without empty dictionaries: a section that is there and empty says nothing."""
    if not isinstance(value, dict):
        return value
    return {key: kept for key, inner in value.items() if (kept := _pruned(inner)) != {}}


class World:
    """A working directory in which every part of a table has a sidecar that says what is wanted now."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("aishell1", "aishell2"):
            files.write_text(root / name / "transcript/aishell_transcript_v0.8.txt", "")
            files.write_text(root / name / "wav.scp", "")
            (root / name / "wav/train/S1").mkdir(parents=True)
        (root / "fairseq.yaml").write_text("optimization: {lr: [0.1]}\ncommon: {log_interval: 5}\n")
        (root / "espnet.yaml").write_text("max_epoch: 3\n")
        run = {"corpus": "aishell2", "recipe": "fairseq.yaml", "effective_gpus": 8, "precision": "auto", "seed": 1}
        run |= {"validation_fraction": 0.1, "utterances_per_file": 6, "audio_shards": 2, "label": None}
        task = {"corpus": "aishell1", "recipe": "espnet.yaml", "mask_prob": None, "average_last": 2, "label": "A"}
        corpora: dict[str, Any] = {name: {"format": name, "root": name} for name in ("aishell1", "aishell2")}
        for name, others in (("aishell1", []), ("aishell2", ["aishell1"])):
            corpora[name] |= {"without_transcripts_of": others}
        self.config: dict[str, Any] = {
            "corpora": corpora,
            "pretraining": {"mandarin": run | {"milestones": [0, 10], "updates": 20, "best": True}},
            "checkpoints": {"english": {"label": "E", "sha256": None}},
            "finetuning": {"aishell1": task | {"learning_rates": [0.1], "seeds": [1]}},
            "experiments": [{"finetuning": "aishell1", "from": ["mandarin", "english"]}],
        }
        fill_in(self.config)
        self.choose(12)
        self.make()

    def choose(self, updates: int) -> None:
        """Which update the best checkpoint is at."""
        self.best = updates
        files.write_json(Path("results/pretrain/mandarin/best.json"), {"updates": updates})

    def parts(self) -> list[Part]:
        return with_all_above(parts_of_table(self.config), self.config)

    def make(self, *kinds: str, **bytes_: str) -> None:
        """Make parts of these kinds (all, if none is named) as a run would, the upper ones first."""
        for part in self.parts():
            if not kinds or part.kind in kinds:
                made_from = WANTS[part.kind](Wish(part, self.config, self.root, self.now))
                facts = {"sha256": f"sha256 of {part.file}", "digest": f"digest of {part.file}"} | bytes_
                facts |= {"epochs": {f"{n}epoch.pth": str(n) for n in (1, 2, 3)}, "heldout_sha256": "held out"}
                facts["audio"] = {"train": "t", "dev": "d", "test": "e"}
                facts |= {"word_boundary": False, "updates": self.best}
                facts["subsets"] = {"test": {"heard": "h", "said": "s"}, "dev": {"heard": "h", "said": "s"}}
                above = tuple(Path(other.file) for other in Wish(part, self.config, self.root, self.now).above)
                files.write_json(Path(part.sidecar), sidecars.card(made_from, above, **facts))

    def now(self, other: Part | None, key: str | tuple[str, ...], *place: str) -> Any:
        if other is None:
            return 20 if key == "updates" else "given"
        card = files.read_json(Path(other.sidecar))
        for name in (key,) if isinstance(key, str) else key:
            card = card[name]
        return card

    def why(self, kind: str, **names: Any) -> list[str]:
        _contents.cache_clear()
        return Staleness(self.config, self.root).why_stale(Part.of(kind, **OF | {"corpus": "aishell1"} | names))

    def stale(self) -> set[str]:
        """The kinds of which a part is stale."""
        _contents.cache_clear()
        staleness = Staleness(self.config, self.root)
        return {part.kind for part in self.parts() if staleness.why_stale(part)}

    def edit(self, part: Part, **facts: Any) -> None:
        files.write_json(Path(part.sidecar), files.read_json(Path(part.sidecar)) | facts)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    yield World(tmp_path)
    _contents.cache_clear()


BELOW = {"encoder", "epochs", "average", "transcript", "score"}
PRETRAINED = {"milestone", "best-until", "best"}


def test_what_is_as_wanted_stands(world: World) -> None:
    assert len({part.kind for part in world.parts()}) == 16
    assert world.stale() == set()


def test_what_was_never_made_is_not_stale(world: World) -> None:
    assert world.why("milestone", updates=30) == []
    assert world.why("epochs", seed="2") == []


def test_keys_that_decide_nothing(world: World) -> None:
    Path("fairseq.yaml").write_text("optimization: {lr: [0.1]}\ncommon: {log_interval: 6}\n")
    world.config["pretraining"]["mandarin"]["label"] = "M"
    assert world.stale() == set()


def test_a_recipe_of_pre_training_reaches_the_score(world: World) -> None:
    Path("fairseq.yaml").write_text("optimization: {lr: [0.2]}\ncommon: {log_interval: 5}\n")
    reason = "recipe.optimization.lr ([0.1] -> [0.2])"
    assert world.why("milestone") == [reason]
    assert world.why("best") == [f"best-until-{n}-updates.pt: {reason}" for n in (10, 20)]
    assert world.why("epochs") == world.why("score") == [f"after-10-updates.pt: {reason}"]
    assert world.stale() == {"initialisation", *PRETRAINED, *BELOW}


@pytest.mark.parametrize(
    ("keys", "stale"),
    [
        (("finetuning", "aishell1", "mask_prob", 0.3), BELOW),
        (("checkpoints", "english", "sha256", "F00D"), {"given", *BELOW}),
        (("pretraining", "mandarin", "precision", "fp16"), {*PRETRAINED, *BELOW}),
        (("finetuning", "aishell1", "word_boundary", True), {"data"}),
        # data may come back the same: it is compared once it is there
        (("pretraining", "mandarin", "validation_fraction", 0.2), {"split", "archive", "manifest"}),
        (("pretraining", "mandarin", "utterances_per_file", 3), {"archive", "manifest"}),
        (("pretraining", "mandarin", "audio_shards", 1), {"archive", "manifest"}),
        (("corpora", "aishell2", "without_transcripts_of", []), {"kept", "split", "archive", "manifest"}),
        (("corpora", "aishell2", "case", "lower"), {"utterances", "kept", "split", "archive", "manifest"}),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_a_key_makes_stale(world: World, keys: tuple[str, str, str, Any], stale: set[str]) -> None:
    catalogue, name, key, value = keys
    world.config[catalogue][name][key] = value
    assert world.stale() == stale


@pytest.mark.parametrize("path", ["wav/train/S1/A.wav", "transcript/aishell_transcript_v0.8.txt"])
def test_a_corpus_that_changes_is_seen_where_it_is_listed(world: World, path: str) -> None:
    """A wav that comes, a transcript that is corrected. What follows from it is seen once it is listed."""
    (world.root / "aishell1" / path).write_text("another\n")
    assert world.stale() == {"utterances", "kept", "split", "archive", "manifest", "data"}
    assert world.why("utterances")[0].split()[0] in ("audio", "lists.transcript/aishell_transcript_v0.8.txt")


def test_audio_that_was_exchanged_is_seen_below_where_it_was_listed(world: World) -> None:
    """As a look at corpora finds it: the lists are as before, the fingerprints of a subset are not."""
    listed = {name: Part.of("utterances", corpus=name) for name in ("aishell1", "aishell2")}
    world.edit(listed["aishell2"], audio={"train": "other"})
    assert world.stale() == {"archive", "manifest"}
    world.edit(listed["aishell2"], audio={"train": "t"})
    world.edit(listed["aishell1"], audio={"train": "t", "dev": "d", "test": "other"})
    assert world.stale() == {"transcript", "score"}
    world.edit(listed["aishell1"], audio={"train": "other", "dev": "d", "test": "e"})
    assert world.stale() == {"data"}
    world.make("data")
    assert world.stale() == {"epochs", "average", "transcript", "score"}


def test_what_was_trained_before_audio_had_fingerprints_stands(world: World) -> None:
    for part in world.parts():
        if part.kind in ("epochs", "transcript"):
            card = files.read_json(Path(part.sidecar))
            del card["made_from"]["audio"]
            files.write_json(Path(part.sidecar), card)
    assert world.stale() == set()


def test_what_is_converted_stands_above_all_that_hears_it(world: World) -> None:
    for corpus in world.config["corpora"].values():
        corpus["convert"] = True
    world.make()
    assert world.stale() == set() and len({part.kind for part in world.parts()}) == 17
    world.edit(Part.of("converted", corpus="aishell2"), audio={"train": "other"})
    assert world.stale() == {"archive", "manifest"}
    world.config["corpora"]["aishell2"]["convert"] = False
    assert world.stale() == {"utterances", "kept", "split", "archive", "manifest"}


def test_corpora_that_are_joined(world: World) -> None:
    world.config["pretraining"]["mandarin"]["corpus"] = ["aishell2", "aishell1"]
    assert world.stale() == {"split", "archive", "manifest"}
    assert world.why("split", subset="train")[0] == "corpus (aishell2 -> ['aishell2', 'aishell1'])"
    world.make()
    assert world.stale() == set()
    world.config["pretraining"]["mandarin"]["corpus"] = ["aishell1", "aishell2"]
    assert world.stale() == {"split", "archive", "manifest"}


@pytest.mark.parametrize("key", ["convert", "exclude"])
def test_what_is_used_of_a_corpus(world: World, key: str) -> None:
    (world.root / "some.txt").write_text("S1\n")
    world.config["corpora"]["aishell1"][key] = {"convert": True, "exclude": "some.txt"}[key]
    assert "utterances" in world.stale() and world.why("utterances")[0].startswith(f"{key} (")
    world.make()
    (world.root / "some.txt").write_text("S2\n")
    assert ("utterances" in world.stale()) == (key == "exclude")


def test_another_part_of_train(world: World) -> None:
    world.config["finetuning"]["aishell1"]["train_hours"] = 10
    assert world.stale() == {"data"}


def test_new_dates_of_a_corpus_are_not_seen(world: World) -> None:
    for path in world.root.rglob("*"):
        path.touch()
    assert world.stale() == set()


def test_data_counts_once_it_is_there(world: World) -> None:
    """Other bytes of the same audio are no reason; other audio is one, but not where it is about to be made again."""
    manifest = Part.of("manifest", model="mandarin", subset="train")
    world.edit(manifest, sha256="packed otherwise")
    assert world.stale() == set()
    world.edit(manifest, digest="other audio")
    reason = f"data.train ({f'digest of {manifest.file}'[:27]}... -> other audio)"
    assert world.why("milestone") == [reason]
    world.config["pretraining"]["mandarin"]["utterances_per_file"] = 3
    assert world.why("milestone") == []


def test_an_encoder_that_is_made_again_may_come_back_the_same(world: World) -> None:
    encoder = Part.of("encoder", **OF)
    made_from = files.read_json(Path(encoder.sidecar))["made_from"]
    world.edit(encoder, made_from=made_from | {"code": "older"})
    assert len(world.why("encoder")) == 1 and world.why("epochs") == []
    world.edit(encoder, made_from=made_from, sha256="other bytes")
    assert [reason.split()[0] for reason in world.why("epochs")] == ["encoder_sha256"]


def test_what_is_said_reaches_scores_alone(world: World) -> None:
    subsets = {"test": {"heard": "h", "said": "other"}, "dev": {"heard": "h", "said": "s"}}
    world.edit(Part.of("utterances", corpus="aishell1"), subsets=subsets)
    assert world.stale() == {"score"}
    assert world.why("score", subset="dev") == [] and world.why("score") == ["said (s -> other)"]


def test_another_list_of_milestones_chooses_among_others(world: World) -> None:
    """But the best may be the same checkpoint, and what was fine-tuned from that stands."""
    world.config["pretraining"]["mandarin"]["milestones"] = [0]
    assert world.stale() == {"best"}


def test_what_was_deleted_is_vouched_for_by_what_is_below(world: World) -> None:
    for path in ("corpora", "pretrain", "finetune"):
        shutil.rmtree(f"results/{path}")
    assert world.stale() == set()
    assert world.why("epochs", lr="0.1") == []
    Path("espnet.yaml").write_text("max_epoch: 4\n")
    assert world.why("epochs") == ["max_epoch"] or world.why("epochs")[0].startswith("recipe.max_epoch (3 -> 4)")
    world.config["pretraining"]["mandarin"]["seed"] = 2
    assert world.why("milestone") == ["seed (1 -> 2)"]
    shutil.rmtree("results")
    assert world.stale() == set()


def test_another_format_is_stale(world: World) -> None:
    world.edit(Part.of("milestone", **OF), format=1)
    assert world.why("milestone") == [f"format (1 -> {sidecars.FORMAT})"]


def test_other_audio_is_foreseen_by_its_keys(world: World) -> None:
    def foreseen(is_split: bool = False) -> list[str]:
        _contents.cache_clear()
        return Staleness(world.config, world.root).other_audio("mandarin", is_split)

    run = world.config["pretraining"]["mandarin"]
    assert foreseen() == foreseen(is_split=True) == []
    run["audio_shards"] = 3
    assert foreseen(is_split=True) == []
    run |= {"validation_fraction": 0.2, "utterances_per_file": 3}
    assert foreseen() == ["validation_fraction (0.1 -> 0.2)", "utterances_per_file (6 -> 3)"]
    world.config["corpora"]["aishell2"]["without_transcripts_of"] = []
    assert "without_transcripts_of.aishell1 (held out -> None)" in foreseen()


def test_other_utterances_are_seen_when_they_are_split(world: World) -> None:
    world.edit(Part.of("split", model="mandarin", subset="valid"), sha256="another list")
    staleness = Staleness(world.config, world.root)
    assert staleness.other_audio("mandarin", is_split=False) == []
    assert staleness.other_audio("mandarin", is_split=True) == ["other utterances in valid"]


def test_finished_milestones_are_those_that_were_made(world: World) -> None:
    staleness = Staleness(world.config, world.root)
    assert [part["updates"] for part in staleness.finished_milestones("mandarin")] == ["10"]  # 20 is not in the table
    Path("results/pretrain/mandarin/after-10-updates.json").unlink()
    assert [part["updates"] for part in staleness.finished_milestones("mandarin")] == ["10"]
    shutil.rmtree("results")
    assert staleness.finished_milestones("mandarin") == []


def test_a_part_is_needed_where_something_below_it_has_to_be_made(world: World) -> None:
    def needed() -> set[str]:
        staleness = Staleness(world.config, world.root)
        return {part.kind for part in staleness.parts if staleness.is_needed(part)} - {"score", "best"}

    for part in world.parts():
        if not Path(part.file).exists():
            files.write_text(Path(part.file), "")
    shutil.rmtree("results/finetune")
    assert needed() == set()  # the transcripts stand
    transcript = Part.of("transcript", **OF)
    Path(transcript.file).unlink()
    assert needed() == set()  # its score stands
    Path(Part.of("score", **OF).file).unlink()
    assert needed() == {"utterances", "milestone", "encoder", "data", "epochs", "average", "transcript"}


def test_a_folder_that_lacks_a_file_is_stale_if_it_is_needed(world: World) -> None:
    part = Part.of("epochs", **OF)
    for name in ("config.yaml", "1epoch.pth", "3epoch.pth"):
        files.write_text(Path(part.file) / name, "")
    for other in world.parts():
        if not Path(other.file).exists():
            files.write_text(Path(other.file), "")
    assert not Staleness(world.config, world.root).is_whole(part)
    assert world.why("epochs") == []
    Path(Part.of("average", **OF).file).unlink()
    assert world.why("epochs") == []  # the transcripts stand
    world.config["finetuning"]["aishell1"]["average_last"] = 3
    assert world.why("epochs") == [f"{part.file}/2epoch.pth is missing"]
    files.write_text(Path(part.file) / "2epoch.pth", "")
    assert world.why("epochs") == [] and Staleness(world.config, world.root).is_whole(part)


def test_the_best_is_chosen_until_there_are_other_candidates(world: World) -> None:
    def chosen() -> bool:
        return Staleness(world.config, world.root).is_chosen("mandarin")

    assert chosen()
    before = files.read_json(Path(Part.of("best-until", model="mandarin", updates=20).sidecar))
    world.edit(Part.of("best-until", model="mandarin", updates=20), sha256="other bytes")
    assert not chosen()
    world.edit(Part.of("best-until", model="mandarin", updates=20), sha256=before["sha256"])
    world.config["pretraining"]["mandarin"]["milestones"] = [0, 10, 15]
    assert not chosen()
    world.config["pretraining"]["mandarin"] |= {"milestones": [0, 10], "seed": 2}
    assert not chosen()  # what it was chosen from is about to be made again
    world.config["pretraining"]["mandarin"]["seed"] = 1
    assert chosen()


def test_the_table_vouches_for_a_choice_that_was_deleted(world: World) -> None:
    best = Part.of("best", model="mandarin")
    candidates = [Part.of("best-until", model="mandarin", updates=n) for n in (10, 20)]
    record = {part.file: files.read_json(Path(part.sidecar)) for part in (best, *candidates)}
    wanted = inputs.of_table(world.config, ["mandarin"])
    assert wanted["best"] == [best.file] and {"best-at-12-updates" in path for path in wanted["best_scores"]} == {True}
    assert "results/finetune/aishell1/from/mandarin/best-at-12-updates/encoder.json" in wanted["settled"]
    assert not {*wanted["best_scores"]} & {*wanted["scores"]} and len(wanted["best_scores"]) == 2
    assert inputs.of_table(world.config, []) | {"settled": []} == wanted | {"best_scores": [], "settled": []}
    for part in (best, *candidates):
        Path(part.sidecar).unlink()
    staleness = Staleness(world.config, world.root)
    assert not staleness.is_chosen("mandarin") and staleness.is_needed(best)
    assert inputs.of_table(world.config, [])["best"] == [best.file]
    files.write_json(Path("results/provenance.json"), {"parts": record})
    assert staleness.is_chosen("mandarin") and not staleness.is_needed(best)
    assert not any(staleness.is_needed(part) for part in candidates)
    assert inputs.of_table(world.config, ["mandarin"]) == wanted | {"best": []}
    record[best.file.replace(".json", ".pt")] = record.pop(best.file)  # as an earlier release called it
    files.write_json(Path("results/provenance.json"), {"parts": record})
    assert staleness.is_chosen("mandarin")
    world.config["pretraining"]["mandarin"]["seed"] = 2
    assert not staleness.is_chosen("mandarin")
    assert world.why("best") == [f"best-until-{n}-updates.pt: seed (1 -> 2)" for n in (10, 20)]
