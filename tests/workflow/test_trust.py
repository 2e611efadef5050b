"""A file that would run code where it is unpickled, in every place from which a step or its trainer loads.

Each step is called by its own command line, as the rules do; the fake trainers unpickle what they go on from, as real
ones do.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from scripts.common import files  # noqa: E402
from tests.workflow.conftest import REPOSITORY, Project, environment_of_fakes  # noqa: E402

MODEL = "results/pretrain/mandarin"
START = "results/finetune/aishell1/from/mandarin/after-20-updates"
BRANCH = f"{START}/lr-0.1/seed-1"


class CreatesAFile:
    """Unpickling this runs code, as unpickling a checkpoint may."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def call(project: Project, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["python", "-m", f"scripts.{module}", *words]
    env = environment_of_fakes() | {"PYTHONPATH": f"{REPOSITORY}:{environment_of_fakes().get('PYTHONPATH', '')}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=project.directory, env=env, text=True, check=False, **pipes)


def pretrain(project: Project) -> subprocess.CompletedProcess[str]:
    """From milestone 10 to 20."""
    words = [
        "--recipe",
        "fairseq.yaml",
        "--updates",
        "20",
        "--effective-gpus",
        "1",
        "--precision",
        "auto",
        "--seed",
        "1",
    ]
    words += ["--train-manifest", f"{MODEL}/manifest/train.tsv", "--valid-manifest", f"{MODEL}/manifest/valid.tsv"]
    words += ["--resume-from", f"{MODEL}/after-10-updates.pt", "--best-before", f"{MODEL}/best-until-10-updates.pt"]
    words += ["--output", f"{MODEL}/after-20-updates.pt", "--best", f"{MODEL}/best-until-20-updates.pt"]
    return call(project, "pretrain.pretrain", *words)


def choose_best(project: Project) -> subprocess.CompletedProcess[str]:
    candidates = [f"{MODEL}/best-until-{updates}-updates.pt" for updates in (10, 20, 30)]
    return call(project, "pretrain.choose_best", "--candidates", *candidates, "--output", f"{MODEL}/best.pt")


def prepare_encoder(project: Project) -> subprocess.CompletedProcess[str]:
    words = ["--checkpoint", f"{MODEL}/after-20-updates.pt", "--mask-prob", "0.2", "--output", f"{START}/encoder.pt"]
    return call(project, "finetune.prepare_encoder", *words)


def finetune(project: Project) -> subprocess.CompletedProcess[str]:
    words = ["--recipe", "espnet.yaml", "--learning-rate", "0.1", "--seed", "1", "--output", f"{BRANCH}/epochs"]
    words += ["--data", "results/finetune/aishell1/data", "--encoder", f"{START}/encoder.pt"]
    return call(project, "finetune.finetune", *words)


def average(project: Project) -> subprocess.CompletedProcess[str]:
    words = ["--epochs", f"{BRANCH}/epochs", "--last", "2", "--output", f"{BRANCH}/average-of-last-2.pth"]
    return call(project, "finetune.average_weights", *words)


def transcribe(project: Project) -> subprocess.CompletedProcess[str]:
    utterances, outputs = "results/corpora/aishell1/utterances.tsv", [str(project.directory / "out/text")]
    words = ["--config", f"{BRANCH}/average-of-last-2.yaml", "--weights", f"{BRANCH}/average-of-last-2.pth"]
    words += ["--encoder", f"{START}/encoder.pt", "--utterances", utterances, "--source", utterances]
    words += ["--root", "corpora/data_aishell", "--subsets", "dev", "--outputs", *outputs]
    return call(project, "evaluate.transcribe", *words)


SAVED, WORK = f"{MODEL}/work/after-20-updates-*/checkpoints", f"{BRANCH}/work/*"
OTHER = r"is not the file that .*\.json describes \(sha256\)"


@pytest.mark.parametrize(
    ("step", "place", "said"),
    [
        (pretrain, f"{MODEL}/after-10-updates.pt", OTHER),
        (choose_best, f"{MODEL}/best-until-30-updates.pt", OTHER),
        (prepare_encoder, f"{MODEL}/after-20-updates.pt", OTHER),
        (finetune, f"{START}/encoder.pt", OTHER),
        (average, f"{BRANCH}/epochs/3epoch.pth", "is not the file that epochs.json describes"),
        (transcribe, f"{BRANCH}/average-of-last-2.pth", OTHER),
        (transcribe, f"{START}/encoder.pt", OTHER),
        (pretrain, f"{SAVED}/checkpoint_best.pt", r"is not what was saved \(sha256\): delete .*checkpoints, and this"),
        (finetune, f"{WORK}/1epoch.pth", "is lost to damage: delete .*, and all epochs are trained again"),
    ],
)
def test_what_was_exchanged_is_not_unpickled(
    finished: Project, step: Callable[[Project], subprocess.CompletedProcess[str]], place: str, said: str
) -> None:
    (path,) = finished.directory.glob(place)
    trace = exchange(path, finished)
    ended = step(finished)
    assert not trace.exists(), ended.stdout
    assert ended.returncode == 1
    *_, sentence = ended.stdout.splitlines()
    assert re.match(rf"error: .*{re.escape(path.name)} {said}", sentence), ended.stdout
    torch.load(aside if (aside := path.with_name(f"{path.name}.damaged")).exists() else path, weights_only=False)
    assert trace.exists()  # the trap does work


def exchange(path: Path, project: Project) -> Path:
    """Put a trap in the place of a checkpoint; the file that it creates."""
    trace = project.directory / "trace"
    path.unlink()  # what is published is linked
    torch.save({"model": CreatesAFile(trace)}, path)
    return trace


@pytest.mark.parametrize("noted", ["noted", "of an earlier release"])
@pytest.mark.parametrize(
    ("step", "place", "otherwise"),
    [
        (pretrain, f"{SAVED}/checkpoint_last.pt", "; training begins again from .*/after-10-updates.pt"),
        (finetune, f"{WORK}/checkpoint.pth", "; training begins again with the first epoch"),
        (finetune, f"{WORK}/3epoch.pth", ""),
    ],
)
def test_a_state_that_was_exchanged_is_set_aside_before_its_trainer_starts(
    finished: Project,
    step: Callable[[Project], subprocess.CompletedProcess[str]],
    place: str,
    otherwise: str,
    noted: str,
) -> None:
    """The same is trained then."""
    (path,) = finished.directory.glob(place)
    published = finished.directory / (f"{MODEL}/after-20-updates.pt" if step is pretrain else f"{BRANCH}/epochs.json")
    before = sidecar_of(published)
    if path.name == "checkpoint.pth":
        (path.parent / "3epoch.pth").unlink()  # else training has ended
    trace = exchange(path, finished)
    if noted != "noted":
        path.with_name(f"{path.name}.sha256").unlink()
    ended = step(finished)
    assert not trace.exists(), ended.stdout
    assert ended.returncode == 0, ended.stdout
    unnoted, changed = "holds code beside its tensors, which was not run", r"is not what was saved \(sha256\)"
    reason = changed if noted == "noted" else unnoted
    line = rf"{re.escape(path.name)} {reason}: set aside as {path.name}\.damaged{otherwise}$"
    assert re.search(line, ended.stdout, re.MULTILINE), ended.stdout
    assert sidecar_of(published) == before
    assert torch.load(path, weights_only=True)


@pytest.mark.parametrize("left", [0, 0.5])
@pytest.mark.parametrize(
    ("step", "place", "before"),
    [(pretrain, f"{SAVED}/checkpoint_last.pt", "previous.pt"), (finetune, f"{WORK}/checkpoint.pth", "previous.pth")],
)
def test_an_empty_state_or_one_that_was_cut_off_is_set_aside_for_the_one_before(
    finished: Project, step: Callable[[Project], subprocess.CompletedProcess[str]], place: str, before: str, left: float
) -> None:
    (path,) = finished.directory.glob(place)
    shutil.copy(path, path.with_name(f"checkpoint_{before}"))
    if step is finetune:
        (path.parent / "3epoch.pth").unlink()  # else training has ended
    content = path.read_bytes()
    path.unlink()  # what is published is linked
    path.write_bytes(content[: int(left * len(content))])
    ended = step(finished)
    assert ended.returncode == 0, ended.stdout
    reason = r"is empty|is cut off or no checkpoint|is not what was saved \(sha256\)"
    line = rf"{re.escape(path.name)} ({reason}): set aside as {path.name}\.damaged; training goes on from the state .*$"
    assert len(re.findall(line, ended.stdout, re.MULTILINE)) == 1, ended.stdout
    assert "Traceback" not in ended.stdout
    assert not path.with_name(f"checkpoint_{before}").exists()
    assert path.with_name(f"{path.name}.damaged").stat().st_size == int(left * len(content))


def sidecar_of(published: Path) -> dict:
    """What a sidecar says of the bytes."""
    facts = files.read_json(published.with_suffix(".json"))
    return {key: facts.get(key) for key in ("sha256", "epochs", "made_from")}
