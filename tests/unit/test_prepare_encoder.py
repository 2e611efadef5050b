"""The checkpoint that fine-tuning starts from."""

import argparse
import hashlib
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common.errors import StepError  # noqa: E402
from scripts.finetune.prepare_encoder import main, prepare  # noqa: E402


def checkpoint(generation: str, mask_prob: float = 0.65) -> dict[str, Any]:
    """The shape of fairseq's checkpoints: cfg since 2020, args before (wav2vec_small.pt has both, cfg None)."""
    state = {
        "args": argparse.Namespace(mask_prob=mask_prob, arch="wav2vec2") if generation == "args" else None,
        "cfg": {"model": {"_name": "wav2vec2", "mask_prob": mask_prob}} if generation == "cfg" else None,
        "model": {"w": torch.tensor([1.0, 2.0])},
        "optimizer_history": [{"num_updates": 7}],
        "last_optimizer_state": {"exp_avg": torch.zeros(4)},
    }
    return {name: value for name, value in state.items() if name != "cfg" or generation == "cfg"}


def masks(state: dict[str, Any]) -> float:
    return state["cfg"]["model"]["mask_prob"] if state.get("cfg") else state["args"].mask_prob


@pytest.mark.parametrize("generation", ["cfg", "args"])
@pytest.mark.parametrize(("wanted", "expected"), [(0.2, 0.2), (0.0, 0.0), (None, 0.65)])
def test_both_generations(generation: str, wanted: float | None, expected: float) -> None:
    made = prepare(checkpoint(generation), wanted)
    assert masks(made) == expected
    assert "last_optimizer_state" not in made
    assert made["optimizer_history"] == [{"num_updates": 7}]  # fairseq refuses a checkpoint without
    assert made["model"]["w"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("history", [{}, {"optimizer_history": []}])
def test_a_checkpoint_without_its_history_is_given_an_empty_one(history: dict[str, Any]) -> None:
    state = {name: value for name, value in checkpoint("cfg").items() if name != "optimizer_history"}
    made = prepare(state | history, None)
    assert made["optimizer_history"][-1]["num_updates"] == 0 and made["extra_state"] == {}


@pytest.mark.parametrize("generation", ["cfg", "args"])
def test_heads_that_were_taken_away_are_filled_in(generation: str) -> None:
    """fairseq takes them away as it fine-tunes, and loads no model without."""
    state = checkpoint(generation)
    state["model"] = {"layer_norm.weight": torch.ones(5), "encoder.layer_norm.weight": torch.ones(7)}
    made = prepare(state, None)
    settings = made["cfg"]["model"] if generation == "cfg" else vars(made["args"])
    assert not settings["quantize_targets"]
    heads = {name: tuple(tensor.shape) for name, tensor in made["model"].items() if "norm" not in name}
    weights = {"project_q.weight": (7, 5), "final_proj.weight": (7, 7)}
    assert heads == weights | {"project_q.bias": (7,), "final_proj.bias": (7,)}


def test_a_checkpoint_of_something_else() -> None:
    with pytest.raises(StepError, match="neither cfg nor args"):
        prepare({"model": {}, "cfg": None, "args": None}, 0.2)


def write_sidecar(path: Path, content: bytes) -> None:
    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    """Run the command line in this process: importing torch takes its time."""
    monkeypatch.setattr(sys, "argv", ["prepare_encoder", *map(str, words)])
    main()


@pytest.mark.parametrize(("words", "expected"), [(["--mask-prob", "0.2"], 0.2), (["--mask-prob", "0"], 0), ([], 0.65)])
def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: float) -> None:
    given, made = tmp_path / "given.pt", tmp_path / "encoder.pt"
    torch.save(checkpoint("args"), given)
    write_sidecar(given, given.read_bytes())
    call(monkeypatch, "--checkpoint", given, *words, "--output", made)
    state = torch.load(made, weights_only=False)
    assert masks(state) == expected
    assert state["model"]["w"].tolist() == [1.0, 2.0]
    again = tmp_path / "again.pt"
    call(monkeypatch, "--checkpoint", given, *words, "--output", again)
    assert again.read_bytes() == made.read_bytes()


class CreatesAFile:
    """Unpickling this runs code, as unpickling a checkpoint may."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("sidecar", ["of another file", None])
def test_what_was_tampered_with_is_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sidecar: str | None
) -> None:
    given, trace = tmp_path / "given.pt", tmp_path / "trace"
    given.write_bytes(pickle.dumps(CreatesAFile(trace)))
    if sidecar:
        write_sidecar(given, sidecar.encode())
    with pytest.raises(StepError) as caught:
        call(monkeypatch, "--checkpoint", given, "--output", tmp_path / "encoder.pt")
    assert str(caught.value) == (
        f"{given} is not the file that given.json describes (sha256): remake or restore it"
        if sidecar
        else f"{given} has no sidecar given.json: remake both"
    )
    assert not trace.exists()
    assert not (tmp_path / "encoder.pt").exists()
    pickle.loads(given.read_bytes())  # the trap does work
    assert trace.exists()


@pytest.mark.parametrize(
    ("model", "keys", "missing"),
    [
        ({}, {}, None),  # wav2vec 2.0 base, as fairseq takes it for what a checkpoint lacks
        ({"conv_feature_layers": "[(8, 10, 5)] + [(8, 8, 8)]", "mask_length": 4}, {}, None),  # 45 and 40 samples
        ({"conv_feature_layers": "[(8, 401, 320)]"}, {}, "receptive_field_ms: 25.0625"),
        ({"conv_feature_layers": "[(8, 401, 320)]"}, {"receptive-field-ms": 25.0625}, None),
        ({"conv_feature_layers": "[(8, 400, 400)]"}, {}, "stride_ms: 25"),
        ({"mask_length": 12}, {}, "mask_frames: 12"),
        ({"mask_length": 12}, {"mask-frames": 12}, None),
        ({"mask_length": 12, "mask_prob": 0.0}, {}, None),
        ({}, {"mask-frames": 0}, "mask_frames: 10"),
        (
            {"conv_feature_layers": "[(8, 800, 640)]"},
            {"mask-frames": 5},
            "receptive_field_ms: 50, stride_ms: 40, mask_fr",
        ),
    ],
)
def test_a_model_that_is_coarser_than_the_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: dict, keys: dict, missing: str | None
) -> None:
    given, made = tmp_path / "given.pt", tmp_path / "made/encoder.pt"
    state = checkpoint("cfg")
    state["cfg"]["model"] |= model
    torch.save(state, given)
    write_sidecar(given, given.read_bytes())
    words = [word for key, value in keys.items() for word in (f"--{key}", value)]
    if missing is None:
        call(monkeypatch, "--checkpoint", given, *words, "--output", made)
        assert made.exists()
        return
    with pytest.raises(StepError, match=rf"given\.pt is coarser than the task's data .*: set {missing}.* of the task$"):
        call(monkeypatch, "--checkpoint", given, *words, "--output", made)
    assert not made.exists()
