"""What a change of each key of the config runs again: no key that says how something is stored, shown or scheduled
touches a training, and no key is left out.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from scripts.common import files
from tests.parallel import once
from tests.workflow import changes
from tests.workflow.changes import State
from tests.workflow.conftest import REPOSITORY, Project, speak
from tests.workflow.test_random_changes import CONSENT, new_project
from tests.workflow.test_reruns import TABLE, jobs

SCORES = {"average_weights", "transcribe", "score_cer", "list_errors"} | TABLE
BRANCH = {"finetune", "describe_trainings"} | SCORES
MODEL = {"pretrain", "keep_curve", "choose_best", "prepare_encoder"} | BRANCH
PACKED = {"concatenate", "write_manifest"}
SPLIT = {"split_validation"} | PACKED
RECOGNISER = {"hand_over_recogniser", "export_recogniser"}
ENCODER = {"hand_over_encoder", "export_encoder"}


@dataclass(frozen=True)
class Effect:
    """Keys of an overlay, the rules that they run, and whether finished milestones are asked about.

    `is_planned`: whether that is only planned, as the fakes' models cannot be exported (tests/e2e/test_export.py).
    """

    keys: dict[str, Any]
    rules: set[str]
    asks: bool = False
    is_planned: bool = False


def run(key: str, value: Any, rules: set[str], asks: bool = False) -> Effect:
    return Effect({f"pretraining__mandarin__{key}": value}, rules, asks)


def task(key: str, value: Any, rules: set[str]) -> Effect:
    return Effect({f"finetuning__aishell1__{key}": value}, rules)


def given(rules: set[str], **keys: Any) -> Effect:
    return Effect({f"checkpoints__english__{key}": value for key, value in keys.items()}, rules)


def exported(what: str, start: str, rules: set[str], **more: str) -> Effect:
    return Effect({"exports": [{"name": "one", "what": what, "from": start} | more]}, rules, is_planned=True)


MAY_RUN = {"trace", "tabulate", "tabulate_errors"}  # they wait for checkpoints: as the jobs above happen to end
FOR_ONE_CALL = ("look_again", "repeat_pretraining")
EFFECTS = {
    # the same utterances: Snakemake leaves out what is right below a checkpoint, and runs what is two steps below
    "corpora.*.format": Effect(
        {"corpora__aishell2__format": "aishell1"}, {"list_utterances"} | SPLIT - {"concatenate"} | TABLE
    ),
    # as they hold neither letters of two cases nor punctuation: the same utterances
    "corpora.*.case": Effect(
        {"corpora__aishell2__case": "lower"}, {"list_utterances"} | SPLIT - {"concatenate"} | TABLE
    ),
    "corpora.*.punctuation": Effect(
        {"corpora__aishell1__punctuation": "drop"}, {"list_utterances"} | SPLIT - {"concatenate"} | TABLE
    ),
    "corpora.*.root": Effect({"corpora__aishell1__root": "elsewhere"}, {"prepare_data", "list_errors"} | TABLE),
    "corpora.*.convert": Effect(
        {"corpora__aishell1__convert": True},
        {"list_utterances", "convert_audio", "prepare_data"} | SPLIT - {"concatenate"} | BRANCH,
    ),
    "corpora.*.exclude": Effect(
        {"corpora__aishell1__exclude": "not these.txt"},
        {"list_utterances", "prepare_data"} | SPLIT - {"concatenate"} | BRANCH,
    ),
    "corpora.*.audio_in_report": Effect({"corpora__aishell1__audio_in_report": False}, {"write_report"}),
    "corpora.*.without_transcripts_of": Effect(
        {"corpora__aishell2__without_transcripts_of": []}, {"drop_leakage"} | SPLIT | MODEL, asks=True
    ),
    # as no sentence is near to one of dev or test: the same list
    "corpora.*.near_leaks": Effect(
        {"corpora__aishell2__near_leaks": "drop"}, {"drop_leakage"} | SPLIT - {"concatenate"} | TABLE
    ),
    "pretraining.*.label": run("label", "M", TABLE),
    "pretraining.*.corpus": run("corpus", "whole", {"list_utterances", "drop_leakage"} | SPLIT | MODEL, asks=True),
    "pretraining.*.validation_fraction": run("validation_fraction", 0.2, SPLIT | MODEL, asks=True),
    "pretraining.*.utterances_per_file": run("utterances_per_file", 3, PACKED | MODEL, asks=True),
    "pretraining.*.audio_shards": run("audio_shards", 3, PACKED | TABLE),
    "pretraining.*.recipe": run("recipe", "a copy of fairseq.yaml", set()),
    "pretraining.*.effective_gpus": run("effective_gpus", 2, MODEL, asks=True),
    # on a CPU it trains again to the same bits, so that nothing below has to be made again
    "pretraining.*.precision": run("precision", "fp32", MODEL - BRANCH | TABLE | {"describe_trainings"}, asks=True),
    "pretraining.*.updates": run("updates", 25, MODEL),
    "pretraining.*.milestones": run("milestones", [10, 15, 20], MODEL),
    "pretraining.*.best": run("best", False, TABLE),
    "pretraining.*.guard": run("guard", "warn", set()),
    "pretraining.*.seed": run("seed", 2, MODEL, asks=True),
    "pretraining.*.start_from": run("start_from", "english", {"initialise"} | MODEL, asks=True),
    "checkpoints.*.label": given(TABLE, label="E"),
    "checkpoints.*.url": given(set(), url="https://example.org/none.pt"),
    "checkpoints.*.path": given(set(), path="the same.pt"),
    "checkpoints.*.sha256": given(
        {"provide_checkpoint", "prepare_encoder"} | BRANCH, path="another given.pt", sha256="of another given.pt"
    ),
    "finetuning.*.label": task("label", "A", TABLE),
    "finetuning.*.corpus": task("corpus", "longer", {"list_utterances", "prepare_data"} | BRANCH),
    "finetuning.*.recipe": task("recipe", "a copy of espnet.yaml", set()),
    "finetuning.*.learning_rates": task("learning_rates", [0.1, 0.2], BRANCH),
    "finetuning.*.seeds": task("seeds", [1, 2], BRANCH),
    "finetuning.*.train_hours": task("train_hours", 0.001, {"prepare_data"} | BRANCH),
    "finetuning.*.average_last": task("average_last", 3, SCORES),
    # as all of it is long enough: the same data and encoders
    "finetuning.*.receptive_field_ms": task(
        "receptive_field_ms", 30, {"prepare_data", "list_errors", "prepare_encoder"} | TABLE
    ),
    "finetuning.*.stride_ms": task("stride_ms", 25, {"prepare_data", "list_errors", "prepare_encoder"} | TABLE),
    "finetuning.*.mask_frames": task("mask_frames", 12, {"prepare_data", "list_errors", "prepare_encoder"} | TABLE),
    # as there is no space between its characters: the same tokens
    "finetuning.*.word_boundary": task("word_boundary", True, {"prepare_data", "list_errors"} | TABLE),
    "finetuning.*.published": task("published", None, TABLE),
    "finetuning.*.mask_prob": task("mask_prob", 0.2, {"prepare_encoder"} | BRANCH),
    "look_again": Effect({"look_again": True}, {"list_utterances"} | SPLIT - {"concatenate"} | TABLE - MAY_RUN),
    "repeat_pretraining": Effect({"repeat_pretraining": True}, set()),
    "exports.*.name": exported("recogniser", "best", RECOGNISER, finetuning="aishell1", name="another"),
    "exports.*.what": exported("encoder", "mandarin/after-10-updates", ENCODER),
    "exports.*.finetuning": exported("recogniser", "best", RECOGNISER, finetuning="aishell1"),
    "exports.*.from": exported("pretraining", "mandarin/after-20-updates", ENCODER),
    "experiments.*.finetuning": Effect(
        {"experiments": changes.experiment("mandarin", task="other")}, {"prepare_data", "prepare_encoder"} | BRANCH
    ),
    "experiments.*.from": Effect({"experiments": changes.experiment("mandarin")}, TABLE | {"describe_trainings"}),
}


def keys_of(schema: dict[str, Any], name: str = "") -> Iterator[str]:
    """The names of all keys that hold a value, with * for names that users choose and places in a list."""
    inner = dict(schema.get("properties", {}))
    for entry in (*schema.get("patternProperties", {}).values(), schema.get("items", {})):
        if "properties" in entry:
            inner["*"] = entry
    for key, entry in inner.items():
        yield from keys_of(entry, f"{name}.{key}".removeprefix("."))
    if not inner:
        yield name


def test_every_key_of_the_schema_has_its_effect() -> None:
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    assert set(keys_of(schema)) == set(EFFECTS)


@pytest.fixture(scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> State:
    """A finished project with what the changes speak of: other corpora and another task, which nothing asks for."""
    place = once(tmp_path_factory, "keys", finish)
    return State(Project(place / "a project"), files.read_json(place / "keys.json"))


def finish(place: Path) -> None:
    state = new_project(place / "a project")
    lay_out_more(state.directory / "corpora")
    other = {"corpus": "aishell1", "recipe": str(state.directory / "espnet.yaml"), "label": "O", "average_last": 2}
    state.keys |= {
        "corpora__whole": {"format": "aishell2", "root": changes.ROOTS["aishell2"], "without_transcripts_of": []},
        "corpora__longer": {"format": "aishell1", "root": "corpora/longer", "without_transcripts_of": []},
        "finetuning__other": other | {"learning_rates": [0.1], "seeds": [1], "mask_prob": None},
    }
    state.configure()
    first = state.project.snakemake()
    assert first.code == 0, first.output
    files.write_json(place / "keys.json", state.keys)


def lay_out_more(corpora: Path) -> None:
    """An AISHELL-1 with one more utterance, and AISHELL-2 so that it may be read as an AISHELL-1."""
    shutil.copytree(corpora / "data_aishell", corpora / "longer")
    with (corpora / "longer" / changes.LISTS["aishell1"]).open("a", encoding="utf-8") as file:
        file.write("BAC009S0002W0999 甲乙丙丁\n")
    wav = corpora / "longer/wav/train/S0002/BAC009S0002W0999.wav"
    soundfile.write(wav, speak("甲乙丙丁"), 16000, subtype="PCM_16")
    two = corpora / "AISHELL-2/iOS/data"
    (two / "wav/train").mkdir()
    (two / "wav/C0001").rename(two / "wav/train/C0001")
    scp = two / "wav.scp"
    scp.write_text(scp.read_text().replace("wav/C0001", "wav/train/C0001"))
    (two / "transcript").mkdir()
    transcripts = (two / "trans.txt").read_text(encoding="utf-8").replace("\t", " ")
    (two / changes.LISTS["aishell1"]).write_text(transcripts, encoding="utf-8")


@pytest.fixture
def state(_project: State, tmp_path: Path) -> State:
    """A copy of it, with files under other names: copies of recipes and checkpoints, a link to a corpus."""
    directory = tmp_path / "a project"
    shutil.copytree(_project.directory, directory, symlinks=True)
    for name in ("fairseq", "espnet"):
        shutil.copy(directory / f"{name}.yaml", directory / f"a copy of {name}.yaml")
    shutil.copy(directory / "given one.pt", directory / "the same.pt")
    (directory / "not these.txt").write_text("BAC009S0002W0001\n")
    (directory / "elsewhere").symlink_to(changes.ROOTS["aishell1"])
    state = State(Project(directory), dict(_project.keys))
    for catalogue, recipe in (("pretraining__mandarin", "fairseq"), ("finetuning__aishell1", "espnet")):
        state.keys[f"{catalogue}__recipe"] = str(_project.directory / f"{recipe}.yaml")
    state.configure()
    return state


@pytest.mark.parametrize("key", EFFECTS)
def test_what_a_key_runs_again(state: State, key: str) -> None:
    effect = EFFECTS[key]
    for name, value in effect.keys.items():
        if str(value).startswith("a copy of"):
            value = str(state.directory / value)
        elif str(value).startswith("of "):
            value = files.sha256(state.directory / value.removeprefix("of "))
        state.keys[name] = value
    state.configure()
    if effect.is_planned:
        assert set(jobs(state.project.snakemake("-n"))) == effect.rules
        return
    if effect.asks:
        dry = state.project.snakemake("-n")
        assert dry.code == 0 and f"because of {key.split('.')[-1]}" in dry.output, dry.output
        refused = state.project.snakemake()
        assert refused.code != 0 and refused.rules == [], refused.output
    done = state.project.snakemake(*CONSENT if effect.asks else ())
    may_run = MAY_RUN if key == "look_again" else set()
    of_config = {"write_config", "write_report"} if key not in FOR_ONE_CALL else set()
    assert set(jobs(done)) - may_run == effect.rules | of_config, done.output
    state.keys.pop("look_again", None)  # which would list again at every start
    state.configure()
    assert state.project.snakemake("-n").nothing
