"""Branches that an earlier release called `best` get the name of the checkpoint that they were made from."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scripts.common import files
from scripts.common.errors import StepError
from scripts.reruns import renamed

MODEL = Path("results/pretrain/mandarin")
FINETUNED = Path("results/finetune/aishell1/from/mandarin")
LEFT = [
    FINETUNED / "best",
    *(Path(f"results/{kind}/aishell1/dev/from/mandarin/best") for kind in ("cer", "transcripts")),
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of a working directory in which the best checkpoint, after 783 updates, was fine-tuned under its old name."""
    monkeypatch.chdir(tmp_path)
    choose(783)
    files.write_json(MODEL / "best-until-800-updates.json", {"sha256": "b"})
    files.write_json(MODEL / "after-800-updates.json", {"sha256": "a"})
    files.write_json(FINETUNED / "best/encoder.json", {"made_from": {"checkpoint_sha256": "b"}})
    for folder in LEFT[1:]:
        above = {f"{FINETUNED}/best/encoder.pt": {}, "results/finetune/aishell1/from/other/best/encoder.pt": {}}
        files.write_json(folder / "lr-1/seed-1.json", {"above": above})
        files.write_json(folder / "lr-1/none.json", {})
        os.utime(folder / "lr-1/seed-1.json", (1000, 1000))
    run = {"milestones": [0, 800], "updates": 1000, "best": True}
    return {
        "pretraining": {"mandarin": run},
        "checkpoints": {"english": {}},
        "experiments": [{"finetuning": "aishell1", "from": ["mandarin", "english"]}],
    }


def choose(updates: int) -> None:
    files.write_json(MODEL / "best.json", {"updates": updates})


def test_a_branch_is_renamed_with_all_that_was_made_from_it(config: dict[str, Any]) -> None:
    found = list(renamed.renamings(config))
    assert {old for old, _ in found} == set(LEFT) and {new.name for _, new in found} == {"best-at-783-updates"}
    with pytest.raises(StepError, match="is called best-at-783-updates now: `python -m"):
        renamed.refuse(config)
    renamed.rename(*found[0])  # and is killed
    assert list(renamed.renamings(config)) == found[1:]
    for pair in found[1:]:
        renamed.rename(*pair)
    renamed.refuse(config)
    assert not any(path.exists() for path in LEFT)
    for folder in LEFT[1:]:
        sidecar = folder.with_name("best-at-783-updates") / "lr-1/seed-1.json"
        assert list(json.loads(sidecar.read_text())["above"]) == [
            f"{FINETUNED}/best-at-783-updates/encoder.pt",
            "results/finetune/aishell1/from/other/best/encoder.pt",
        ]
        assert sidecar.stat().st_mtime == 1000 and (sidecar.parent / "none.json").read_text() == "{}\n"


def test_a_milestone_that_was_the_best_and_has_no_branch_gets_this_one(config: dict[str, Any]) -> None:
    choose(800)
    assert list(renamed.renamings(config)) == []  # of another checkpoint
    files.write_json(MODEL / "after-800-updates.json", {"sha256": "b"})
    assert {new.name for _, new in renamed.renamings(config)} == {"after-800-updates"}
    (FINETUNED / "after-800-updates").mkdir()
    assert list(renamed.renamings(config)) == []


@pytest.mark.parametrize("change", ["another best", "no sidecar", "not chosen", "not asked for"])
def test_what_is_not_the_best_is_left_as_it_lies(config: dict[str, Any], change: str) -> None:
    if change == "another best":
        files.write_json(MODEL / "best-until-800-updates.json", {"sha256": "c"})
    elif change == "no sidecar":
        (FINETUNED / "best/encoder.json").unlink()
    elif change == "not chosen":
        (MODEL / "best.json").unlink()
    else:
        config["pretraining"]["mandarin"]["best"] = False
    assert list(renamed.renamings(config)) == []
    renamed.refuse(config)
