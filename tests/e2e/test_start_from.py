"""Pre-training that goes on from a checkpoint that was given, by the steps' own command lines, with real fairseq."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fairseq", reason="real fairseq is not installed")

import torch

from scripts.common import files
from tests.e2e.steps import attempt, differences, load, step
from tests.e2e.test_fairseq import audio, place, pretrain, trained_bits, uninterrupted

__all__ = ["audio", "place", "uninterrupted"]

pytestmark = pytest.mark.e2e


def give(state: dict[str, Any], folder: Path) -> Path:
    """Have the step take a checkpoint."""
    elsewhere, output = folder / "elsewhere.pt", folder / "given.pt"
    torch.save(state, elsewhere)
    step(
        "scripts.pretrain.provide_checkpoint",
        path=elsewhere,
        sha256=files.sha256(elsewhere),
        key="checkpoints.x",
        output=output,
    )
    return output


def initialise(recipe: Path, given: Path, output: Path) -> Any:
    """With another seed than the one of the checkpoint."""
    return attempt("scripts.pretrain.initialise", recipe=recipe, seed=2, start_from=given, output=output)


def test_a_run_goes_on_with_the_weights_alone(place, uninterrupted, tmp_path):
    state = load(uninterrupted.output)
    given, start = give(state, tmp_path), tmp_path / "run/after-0-updates.pt"
    recipe = uninterrupted.options["recipe"]
    start.parent.mkdir()
    assert "the weights of" in initialise(recipe, given, start).stdout
    assert list(differences(load(start)["model"], state["model"])) == []
    assert load(start)["last_optimizer_state"]["state"] == {}

    def after(updates: int, folder: str, before: Path, **others: Any) -> Any:
        return pretrain(place(tmp_path / folder, updates, seed=2, resume_from=before, **others))

    one = after(2, "run", start)
    log = (one.work() / "train.log").read_text()
    assert "optimizer, lr scheduler, meters, dataloader will be reset" in log
    trained = load(one.output)
    moved = max((trained["model"][name] - weight).abs().max().item() for name, weight in state["model"].items())
    assert 0 < moved < 0.01  # of two updates; random weights of the other seed would be far away
    assert trained["optimizer_history"][-1]["num_updates"] == 2
    card = files.read_json(one.output.with_suffix(".json"))
    assert card["made_from"]["start_from"]["sha256"] == files.sha256(tmp_path / "elsewhere.pt")
    assert {str(given), str(start)} <= card["above"].keys()

    chain = after(4, "run", one.output, best_before=one.best)
    at_once = after(4, "at once", start)
    assert list(differences(trained_bits(chain.output), trained_bits(at_once.output))) == []


def test_heads_that_are_missing_are_initialised(uninterrupted, tmp_path):
    state, recipe = load(uninterrupted.output), uninterrupted.options["recipe"]
    heads = [name for name in state["model"] if name.startswith(("quantizer", "project_q", "final_proj"))]
    taken = {name: state["model"].pop(name) for name in heads}
    start, scratch = tmp_path / "after-0-updates.pt", tmp_path / "scratch/after-0-updates.pt"
    said = initialise(recipe, give(state, tmp_path), start).stdout
    assert said.rstrip().endswith("; randomly initialised with seed 2: final_proj, project_q, quantizer")
    scratch.parent.mkdir()
    step("scripts.pretrain.initialise", recipe=recipe, seed=2, output=scratch)
    made, random = load(start)["model"], load(scratch)["model"]
    assert all(torch.equal(made[name], random[name]) and made[name].shape == taken[name].shape for name in heads)
    assert all(torch.equal(made[name], weight) for name, weight in state["model"].items())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"encoder_layers": 3, "layer_norm_first": True},
            "model.encoder_layers is 2 there and 3 in the recipe; model.",
        ),
        ({"conv_feature_layers": "[(32, 10, 5)] + [(48, 8, 4)]"}, "model.conv_feature_layers is [(32, 10, 5)] + "),
        ({"latent_vars": 4}, "quantizer.vars is (1, 16, 16), not (1, 8, 16): write a recipe of that architecture"),
    ],
)
def test_another_architecture_gets_one_sentence(uninterrupted, tiny_recipe, write_recipe, tmp_path, changes, sentence):
    recipe = write_recipe(tiny_recipe | {"model": tiny_recipe["model"] | changes})
    given = give(load(uninterrupted.output), tmp_path)
    ended = initialise(recipe, given, tmp_path / "after-0-updates.pt")
    (said,) = [line for line in ended.stdout.splitlines() if line.startswith("error: ")]
    assert (ended.returncode, "Traceback" in ended.stdout) == (1, False)
    assert said.startswith(f"error: {given} does not fit {recipe}: ") and sentence in said
    assert not (tmp_path / "after-0-updates.pt").exists()
