"""Pre-training that goes on from a checkpoint that was given: continued pre-training, on fake trainers."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.common import files
from tests.workflow.conftest import Project
from tests.workflow.test_reruns import jobs

torch = pytest.importorskip("torch", reason="torch is not installed")

MADE = "results/pretrain/mandarin"
SETTINGS = {"mask_prob": 0.65, "_name": "wav2vec2"}


def give(project: Project, name: str, weight: int, settings: dict[str, Any] = SETTINGS) -> dict[str, Any]:
    """A checkpoint made elsewhere; the keys that name it."""
    state = {"cfg": {"model": settings}, "model": {"digest": torch.full((32,), weight, dtype=torch.uint8)}}
    torch.save(state | {"optimizer_history": [{"num_updates": 7}]}, project.directory / name)
    digest = files.sha256(project.directory / name)
    return {"checkpoints__english__path": name, "checkpoints__english__sha256": digest}


def configure(project: Project, keys: dict[str, Any], **changes: Any) -> None:
    run = {"start_from": "english", "updates": 20, "milestones": [0, 20], "best": False}
    project.configure(**{f"pretraining__mandarin__{key}": value for key, value in (run | changes).items()}, **keys)


def weights(project: Project, updates: int) -> list[int]:
    path = project.directory / MADE / f"after-{updates}-updates.pt"
    return torch.load(path, weights_only=True)["model"]["digest"].tolist()


def begins(trainings: Path) -> dict[str, str | None]:
    """What each pre-training began with, by the milestone that it made."""
    lines = [json.loads(line) for line in trainings.read_text().splitlines()]
    trainings.unlink()
    return {Path(line["made"]).parent.name.split("-")[1]: line["begun"] for line in lines if "begun" in line}


def test_a_run_goes_on_from_a_given_checkpoint(fresh: Project, tmp_path: Path) -> None:
    one, trainings = give(fresh, "one.pt", 1), tmp_path / "trainings"
    configure(fresh, one)
    first = fresh.snakemake(FAKE_TRAININGS=str(trainings))
    assert {rule: jobs(first)[rule] for rule in ("provide_checkpoint", "initialise", "pretrain", "finetune")} == {
        "provide_checkpoint": 1,
        "initialise": 1,
        "pretrain": 1,
        "finetune": 2,
    }
    start = str(fresh.directory / MADE / "after-0-updates.pt")
    assert begins(trainings) == {"20": start}
    assert weights(fresh, 0) == [1] * 32  # the given model itself
    lines = fresh.read("results/cer.md").splitlines()
    rows = [line.split(" | ")[0] for line in lines if line.startswith("| Wav2vec2.0(English), then mandarin")]
    assert rows == [f"| Wav2vec2.0(English), then mandarin @{updates} updates" for updates in (0, 20)]
    made_from = json.loads(fresh.read(f"{MADE}/after-20-updates.json"))["made_from"]
    assert made_from["start_from"]["sha256"] == one["checkpoints__english__sha256"]
    assert fresh.snakemake().nothing

    # what has been used may go
    for path in ("results/pretrain/english/given.pt", f"{MADE}/after-0-updates.pt"):
        (fresh.directory / path).unlink()
    assert fresh.snakemake().nothing

    # another checkpoint is another run
    before, other = weights(fresh, 20), give(fresh, "other.pt", 2)
    configure(fresh, other)
    refused = fresh.snakemake()
    assert refused.code != 0 and refused.rules == []
    assert (
        "after-20-updates.pt is finished and would be trained again, because of start_from.sha256 (" in refused.output
    )
    again = jobs(fresh.snakemake("--config", "repeat_pretraining=True", FAKE_TRAININGS=str(trainings)))
    assert (again["provide_checkpoint"], again["initialise"], again["pretrain"], again["finetune"]) == (1, 1, 1, 2)
    assert weights(fresh, 0) == [2] * 32 and weights(fresh, 20) != before
    assert fresh.snakemake().nothing

    # what comes later goes on from the milestone before
    trainings.unlink()
    configure(fresh, other, updates=25, milestones=[0, 20, 25])
    assert jobs(fresh.snakemake(FAKE_TRAININGS=str(trainings)))["pretrain"] == 1
    assert begins(trainings) == {"25": None}

    # from scratch is another run, too
    configure(fresh, other, updates=25, start_from=None, milestones=[20, 25])
    refused = fresh.snakemake()
    assert refused.code != 0 and "would be trained again, because of start_from (" in refused.output


@pytest.mark.parametrize(
    ("recipe", "settings", "sentence"),
    [
        ({"encoder_layers": 12}, {"encoder_layers": 24}, "model.encoder_layers is 24 there and 12 in the recipe"),
        ({}, {"_name": "hubert"}, "is a hubert of fairseq, and only wav2vec 2.0 is taken"),
    ],
)
def test_a_checkpoint_that_does_not_fit(
    fresh: Project, recipe: dict[str, Any], settings: dict[str, Any], sentence: str
) -> None:
    with (fresh.directory / "fairseq.yaml").open("a") as file:
        file.write(f"model: {json.dumps(recipe)}\n")
    configure(fresh, give(fresh, "one.pt", 1, SETTINGS | settings))
    run = fresh.snakemake(f"{MADE}/after-0-updates.pt")
    assert run.code != 0 and "Traceback" not in run.output
    assert any(line.startswith("error: ") and sentence in line for line in run.output.splitlines()), run.output
    assert not (fresh.directory / MADE / "after-0-updates.pt").exists()
