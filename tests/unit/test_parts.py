"""The numbers that a config asks for, and what each comes from."""

from pathlib import Path

import pytest

from scripts.common import files as common
from scripts.reruns.best import foreseen
from scripts.reruns.numbers import numbers, parts_of_table
from scripts.reruns.parts import KINDS, Part, above, match, published_updates, with_all_above

CONFIG = {
    "corpora": {
        "aishell1": {"without_transcripts_of": [], "convert": False},
        "aishell2": {"without_transcripts_of": ["aishell1"], "convert": False},
    },
    "checkpoints": {"english": {}},
    "pretraining": {
        "mandarin": {"corpus": "aishell2", "milestones": [0, 800], "updates": 1000, "best": True, "audio_shards": 2}
    },
    "finetuning": {
        "aishell1": {
            **{"corpus": "aishell1", "test": "test", "learning_rates": [0.004, 2e-05], "seeds": [1, 2]},
            "average_last": 3,
        }
    },
    "experiments": [{"finetuning": "aishell1", "from": ["mandarin", "english"]}],
}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory in which the best checkpoint has been chosen."""
    monkeypatch.chdir(tmp_path)
    choose(783)


def choose(updates: int) -> None:
    common.write_json(Path("results/pretrain/mandarin/best.json"), {"updates": updates})


def test_numbers_come_in_the_order_of_rows() -> None:
    found = [(n.model, n.checkpoint, n.lr, n.seed, n.subset) for n in numbers(CONFIG)]
    assert len(found) == 4 * 2 * 2 * 2  # checkpoints, rates, seeds, subsets
    assert found[:3] == [
        ("mandarin", "after-0-updates", "0.004", "1", "dev"),
        ("mandarin", "after-0-updates", "0.004", "1", "test"),
        ("mandarin", "after-0-updates", "0.004", "2", "dev"),
    ]
    assert list(dict.fromkeys(checkpoint for _, checkpoint, *_ in found)) == [
        *("after-0-updates", "after-800-updates", "best-at-783-updates", "given")
    ]
    assert found[-1] == ("english", "given", "2e-05", "2", "test")


def test_several_test_sets_follow_dev_in_their_order() -> None:
    task = CONFIG["finetuning"]["aishell1"] | {"test": ["test-other", "test"]}
    config = CONFIG | {"finetuning": {"aishell1": task}}
    found = numbers(config)
    assert [number.subset for number in found[:4]] == ["dev", "test-other", "test", "dev"]
    assert {part["subset"] for part in with_all_above([found[1].score], config) if part.kind == "transcript"} == {
        "test-other"
    }
    assert match("score", found[1].score.file) == found[1].score
    assert match("score", found[1].score.file.replace("test-other", "tests_other")) is None


@pytest.mark.parametrize(
    ("updates", "checkpoint"),
    [
        (800, "after-800-updates"),
        (1000, "after-1000-updates"),  # no milestone, and published all the same: the end of the run
        (783, "best-at-783-updates"),
        (801, "best-at-801-updates"),
        (1001, None),  # of a run that was longer
    ],
)
def test_the_best_is_the_milestone_that_it_points_to(updates: int, checkpoint: str | None) -> None:
    choose(updates)
    best = [number for number in numbers(CONFIG) if number.is_best]
    assert {number.checkpoint for number in best} == {checkpoint} - {None}
    assert len(best) == (8 if checkpoint else 0) and all(number.model == "mandarin" for number in best)
    others = [number.score for number in numbers(CONFIG) if not number.is_best]
    assert len(set(others)) == len(others) == 3 * 2 * 2 * 2
    assert ({number.score for number in best} <= set(others)) == (checkpoint in ("after-800-updates", None))
    wanted = [part.file for part in parts_of_table(CONFIG)]
    assert len(set(wanted)) == len(wanted) and wanted[-1] == "results/pretrain/mandarin/best.json"


def test_the_best_is_not_known_before_it_is_chosen() -> None:
    Path("results/pretrain/mandarin/best.json").unlink()
    assert [number for number in numbers(CONFIG) if number.is_best] == [] and len(numbers(CONFIG)) == 24
    assert foreseen(CONFIG, "mandarin").endswith("(*) costs nothing, else 4 fine-tunings beside those planned now.")
    record = {"parts": {"results/pretrain/mandarin/best.json": {"updates": 800}}}
    common.write_json(Path("results/provenance.json"), record)
    assert {n.checkpoint for n in numbers(CONFIG) if n.is_best} == {"after-800-updates"}  # deleted, and vouched for


def files(checkpoint: str) -> list[tuple[str, str]]:
    """Rule and file of all that the score on test of a checkpoint comes from, at the first rate and seed."""
    number = next(n for n in numbers(CONFIG) if (n.checkpoint, n.subset) == (checkpoint, "test"))
    return [(part.rule, part.file) for part in with_all_above([number.score], CONFIG)]


def test_the_parts_of_a_number_from_the_corpora_to_the_score() -> None:
    branch, model = "results/finetune/aishell1/from/mandarin/after-800-updates", "results/pretrain/mandarin"
    assert files("after-800-updates") == [
        ("list_utterances", "results/corpora/aishell2/utterances.tsv"),
        ("list_utterances", "results/corpora/aishell1/utterances.tsv"),
        ("drop_leakage", "results/corpora/aishell2/without-leakage.tsv"),
        ("split_validation", f"{model}/utterances/train.tsv"),
        ("concatenate", f"{model}/audio/train-0000.tsv"),
        ("concatenate", f"{model}/audio/train-0001.tsv"),
        ("write_manifest", f"{model}/manifest/train.tsv"),
        ("split_validation", f"{model}/utterances/valid.tsv"),
        ("concatenate", f"{model}/audio/valid-0000.tsv"),
        ("write_manifest", f"{model}/manifest/valid.tsv"),
        ("pretrain", f"{model}/after-800-updates.pt"),
        ("prepare_encoder", f"{branch}/encoder.pt"),
        ("prepare_data", "results/finetune/aishell1/data"),
        ("finetune", f"{branch}/lr-0.004/seed-1/epochs"),
        ("average_weights", f"{branch}/lr-0.004/seed-1/average-of-last-3.pth"),
        ("transcribe", "results/transcripts/aishell1/test/from/mandarin/after-800-updates/lr-0.004/seed-1/text"),
        ("score_cer", "results/cer/aishell1/test/from/mandarin/after-800-updates/lr-0.004/seed-1.json"),
    ]


def test_the_other_checkpoints() -> None:
    names = ("after-0-updates", "best-at-783-updates", "given")
    makers = {name: [rule for rule, _ in files(name)] for name in names}
    assert makers["after-0-updates"][:2] == ["initialise", "prepare_encoder"]
    assert makers["given"][:2] == ["provide_checkpoint", "prepare_encoder"]
    encoder = makers["best-at-783-updates"].index("prepare_encoder")
    made_from = files("best-at-783-updates")[encoder - 1]  # whose job ends behind 783 updates, before all others
    assert made_from == ("pretrain", "results/pretrain/mandarin/best-until-800-updates.pt")
    assert "choose_best" not in makers["best-at-783-updates"]
    choose(801)
    assert ("pretrain", "results/pretrain/mandarin/best-until-1000-updates.pt") in files("best-at-801-updates")
    choice = with_all_above([Part.of("best", model="mandarin")], CONFIG)
    assert [part.rule for part in choice][-3:] == ["pretrain", "pretrain", "choose_best"]


def test_sidecars_lie_beside() -> None:
    number = numbers(CONFIG)[0]
    sidecars = {part.kind: part.sidecar for part in with_all_above([number.score], CONFIG)}
    assert sidecars["data"] == "results/finetune/aishell1/data.json"
    assert sidecars["average"].endswith("/seed-1/average-of-last-3.json")
    assert sidecars["transcript"].endswith("/text.json")
    assert sidecars["score"] == number.score.file


def test_every_kind_is_reached_or_has_nothing_above() -> None:
    reached = {part.kind for part in all_parts()}
    assert reached == KINDS.keys() - {"converted"}  # which the config of a corpus asks for
    assert {kind for kind in reached if not above(next(p for p in all_parts() if p.kind == kind), CONFIG)} == {
        *("utterances", "initialisation", "given")
    }


def all_parts() -> list[Part]:
    return with_all_above(parts_of_table(CONFIG), CONFIG)


def test_the_end_of_a_run_is_published_too_and_0_is_not_trained() -> None:
    assert published_updates(CONFIG["pretraining"]["mandarin"]) == [800, 1000]
    assert published_updates({"milestones": [3, 1], "updates": 3}) == [1, 3]
