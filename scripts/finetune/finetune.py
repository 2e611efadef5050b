"""Fine-tune one encoder with ESPnet's CTC at one learning rate and seed, and publish every epoch's weights.

ESPnet works in an undeclared directory beside the output, named after everything that decides the result: a job that
was killed goes on from its last whole epoch. How many epochs are averaged is decided later, so all are kept.
"""

import argparse
import shutil
from pathlib import Path

import torch
import yaml

from scripts.common import files, provenance, sidecars
from scripts.common.errors import StepError
from scripts.finetune import identity
from scripts.finetune.data import data_digest
from scripts.finetune.espnet_command import Task, commands, program
from scripts.finetune.too_short import lengths_of, too_short
from scripts.trainers import ownership, requeue, supervisor
from scripts.trainers.processes import Processes, usable
from scripts.trainers.work import LOG, WORK


def epochs_of(work: Path) -> int:
    """Epochs whose weights are there."""
    return len(list(work.glob("[0-9]*epoch.pth")))


def mend(work: Path) -> None:
    """Write the last epoch's weights from ESPnet's checkpoint.pth where a kill came between the two."""
    if not (work / "checkpoint.pth").exists():
        return
    # written by this machine's own ESPnet; it holds a reporter's history beside tensors
    checkpoint = torch.load(work / "checkpoint.pth", map_location="cpu", weights_only=False)
    weights = work / f"{checkpoint['reporter']['epoch']}epoch.pth"
    if not weights.exists():
        with files.whole(weights) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint["model"], file)


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
    temporary = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for path in [*made, work / "config.yaml"]:
        files.publish(path, temporary / path.name)
    shutil.rmtree(output, ignore_errors=True)
    temporary.rename(output)
    return {path.name: files.sha256(path) for path in made}


def make_epochs(arguments: argparse.Namespace, together: Processes, claim: ownership.Claim) -> None:
    """Train and publish, as the owner of the output."""
    recipe = yaml.safe_load(arguments.recipe.read_text(encoding="utf-8"))
    encoder = sidecars.verified(arguments.encoder)
    data = data_digest(arguments.data)
    audio = sidecars.read(arguments.data).get("made_from", {}).get("audio", {})
    made_of = (encoder["sha256"], data, audio, program())
    made_from = identity.finetuning(recipe, arguments.learning_rate, arguments.seed, *made_of)
    work = arguments.output.parent.resolve() / WORK / identity.name_of_work(made_from)
    forget_other_audio(work, audio)
    print(f"ESPnet's own log: {work / LOG}", flush=True)
    files.remove_unfinished(work)
    mend(work)
    if not (work / f"{recipe['max_epoch']}epoch.pth").exists():
        paths = (arguments.recipe.resolve(), arguments.data.absolute(), arguments.encoder.resolve())
        for sentence in too_short(recipe, arguments.recipe, lengths_of(arguments.data)):
            print(f"warning: {sentence}", flush=True)
        calls = commands(Task(*paths, arguments.learning_rate, arguments.seed, work), together)
        training = supervisor.Training(calls, work / LOG, lambda: epochs_of(work), recipe["max_epoch"])
        supervisor.train(training, claim)
    facts = {
        "epochs": publish(work, recipe["max_epoch"], arguments.output),
        "processes": together.count,
        "device": torch.cuda.get_device_name() if together.gpus else "cpu",
    } | provenance.circumstances("espnet", "torch", "espnet", "ve-fairseq")
    sidecars.write(arguments.output, made_from, (arguments.encoder, arguments.data), **facts)


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
