"""Fine-tune one encoder with ESPnet's CTC at one learning rate and seed, and publish every epoch's weights.

ESPnet works in an undeclared directory beside the output, named after everything that decides the result: a job that
was killed goes on from its last whole epoch. How many epochs are averaged is decided later, so all are kept.
"""

import argparse
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from scripts.common import files, provenance, sidecars
from scripts.common.errors import StepError
from scripts.finetune import identity
from scripts.finetune.data import data_digest
from scripts.finetune.espnet_command import Task, commands, program
from scripts.finetune.espnet_states import STATE, check_state, epoch_of
from scripts.finetune.too_short import lengths_of, too_short
from scripts.trainers import life, ownership, requeue, states, supervisor
from scripts.trainers.processes import Processes, usable
from scripts.trainers.states import Damaged
from scripts.trainers.work import LOG, WORK


def epochs_of(work: Path) -> int:
    """Epochs whose weights are there."""
    return len(list(work.glob("[0-9]*epoch.pth")))


def mend(work: Path, state: Any) -> None:
    """Write the weights of a state's epoch where a kill came before ESPnet did."""
    weights = work / f"{epoch_of(state)}epoch.pth"
    if not weights.exists():
        with states.saved(weights, states.check_finite) as file:
            torch.save(state["model"], file)


def settle(work: Path, epochs: int) -> None:
    """Look at what has been made and at what ESPnet would go on from, which it unpickles; set aside what is damaged.

    Raises StepError where an epoch's weights were damaged after a later epoch had begun: they cannot be made alone.
    """
    weights = {epoch: work / f"{epoch}epoch.pth" for epoch in range(1, epochs + 1)}
    for path in weights.values():
        if path.exists():
            try:
                states.verified(path, states.check_finite)
            except Damaged as reason:
                print(f"{path} {reason}: set aside as {states.set_aside(path).name}", flush=True)
    if all(path.exists() for path in weights.values()):
        return
    state = states.newest(work / STATE, check_state, otherwise="training begins again with the first epoch")
    if state is None:
        return
    mend(work, state)
    for epoch in range(1, epoch_of(state)):
        if not weights[epoch].exists() and states.aside_of(weights[epoch]).exists():
            raise StepError(f"{weights[epoch]} is lost to damage: delete {work}, and all epochs are trained again")


def what_is_lost(work: Path, epochs: int, begun: float, now: float) -> str:
    """What a job that is stopped leaves undone. Times in seconds since the epoch of Unix; `begun`: this start."""
    saved = max((path.stat().st_mtime for path in work.glob("[0-9]*epoch.pth")), default=begun)
    lost = life.duration(now - max(saved, begun))
    return f"ESPnet saves whole epochs only: {lost} of epoch {epochs_of(work) + 1} of {epochs} will be repeated"


def check_width(recipe: Mapping[str, Any], width: int | None, encoder: Path) -> None:
    """Raise StepError where ESPnet would put an untrained projection between the encoder and its head without a word.

    `width`: of the encoder; None if it was prepared before this was noted.
    """
    wanted = recipe.get("encoder_conf", {}).get("output_size")
    if width is not None and wanted is not None and width != wanted:
        raise StepError(
            f"{encoder} is {width} wide, and the recipe is made for {wanted} (wav2vec 2.0 base has 768, large 1024): "
            f"set encoder_conf.output_size: {width} in a recipe of its own, or take another checkpoint"
        )


def forget_other_audio(work: Path, audio: dict[str, str]) -> None:
    """Remove work on audio that was exchanged since. What was begun before audio had fingerprints is trusted."""
    note = work / "audio.json"
    if note.exists() and files.read_json(note) != audio:
        shutil.rmtree(work)
    files.write_json(note, audio)


def publish(work: Path, epochs: int, output: Path) -> dict[str, str]:
    """Link every epoch's weights and ESPnet's resolved configuration; `output` appears in one step.

    sha256 of every epoch's weights by file name.
    """
    made = [work / f"{epoch}epoch.pth" for epoch in range(1, epochs + 1)]
    missing = [path.name for path in made if not path.exists()]
    if missing:
        raise StepError(f"{work} lacks {', '.join(missing)}: keep_nbest_models in the recipe must equal max_epoch")
    digests = {path.name: _as_noted(path) for path in made}
    temporary = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for path in [*made, work / "config.yaml"]:
        files.publish(path, temporary / path.name)
    shutil.rmtree(output, ignore_errors=True)
    temporary.rename(output)
    return digests


def _as_noted(weights: Path) -> str:
    """The sha256 of an epoch's weights, which have to be what was saved."""
    digest = files.sha256(weights)
    if states.noted(weights) and digest not in states.noted(weights):
        raise StepError(f"{weights} is not what was saved (sha256): start again, and it is set aside")
    return digest


def make_epochs(arguments: argparse.Namespace, together: Processes, claim: ownership.Claim) -> None:
    """Train and publish, as the owner of the output."""
    recipe = yaml.safe_load(arguments.recipe.read_text(encoding="utf-8"))
    encoder = sidecars.verified(arguments.encoder)
    check_width(recipe, encoder.get("width"), arguments.encoder)
    data = data_digest(arguments.data)
    audio = sidecars.read(arguments.data).get("made_from", {}).get("audio", {})
    made_of = (encoder["sha256"], data, audio, program())
    made_from = identity.finetuning(recipe, arguments.learning_rate, arguments.seed, *made_of)
    work = arguments.output.parent.resolve() / WORK / identity.name_of_work(made_from)
    forget_other_audio(work, audio)
    print(f"ESPnet's own log: {work / LOG}", flush=True)
    files.remove_unfinished(work)
    settle(work, recipe["max_epoch"])
    if not (work / f"{recipe['max_epoch']}epoch.pth").exists():
        paths = (arguments.recipe.resolve(), arguments.data.absolute(), arguments.encoder.resolve())
        for sentence in too_short(recipe, arguments.recipe, lengths_of(arguments.data)):
            print(f"warning: {sentence}", flush=True)
        calls = commands(Task(*paths, arguments.learning_rate, arguments.seed, work), together)
        training = supervisor.Training(calls, work / LOG, lambda: epochs_of(work), recipe["max_epoch"])
        begun = time.time()
        try:
            supervisor.train(training, claim)
        except supervisor.Paused:
            print(what_is_lost(work, recipe["max_epoch"], begun, time.time()), flush=True)
            raise
    facts = {
        "epochs": publish(work, recipe["max_epoch"], arguments.output),
        "processes": together.count,
        "device": torch.cuda.get_device_name() if together.gpus else "cpu",
    } | provenance.circumstances("espnet", "torch", "espnet", "ve-fairseq")
    sidecars.write(arguments.output, made_from, (arguments.encoder, arguments.data), **facts)
    states.forget_previous(work / STATE)


def main() -> None:
    """Parse the command line, train and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="configuration of ESPnet's asr_train (YAML)")
    parser.add_argument("--data", type=Path, required=True, help="folder written by scripts.finetune.prepare_data")
    parser.add_argument("--encoder", type=Path, required=True, help="checkpoint from scripts.finetune.prepare_encoder")
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cpu-processes", type=int, default=1, help="processes where the job sees no GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder: Nepoch.pth, config.yaml; sidecar beside it")
    arguments = parser.parse_args()

    gpus = usable(torch.cuda.device_count())
    with ownership.owned(arguments.output, gpus) as claim:
        make_epochs(arguments, Processes(gpus, gpus or arguments.cpu_processes), claim)


if __name__ == "__main__":
    requeue.exit_or_requeue(main)
