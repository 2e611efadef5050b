"""Fine-tune one encoder with ESPnet's CTC at one learning rate and seed, and publish every epoch's weights.

ESPnet works in an undeclared directory beside the output, named after everything that decides the result: a job that
was killed goes on from its last whole epoch. How many epochs are averaged is decided later, so all are kept.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import torch
import yaml

from scripts.common import digests, files, ownership, provenance, requeue, trainer
from scripts.common.code import code_digest
from scripts.common.errors import StepError
from scripts.common.processes import Processes, usable


def data_digest(data: Path) -> str:
    """What is said by whom and how long it takes; wav.scp is left out, as a corpus may move."""
    parts = [data / subset / name for subset in ("train", "dev") for name in ("text", "speech_shape")]
    return digests.digest([files.sha256(path) for path in [*parts, data / "tokens.txt"]])


def commands(arguments: argparse.Namespace, work: Path, together: Processes) -> list[list[str]]:
    """A call of ESPnet's asr_train for each process. ESPnet divides every batch among them."""
    words = [sys.executable, "-m", "scripts.finetune.espnet_layer", "asr_train"]
    words += ["--config", arguments.recipe, "--output_dir", work, "--resume", "true", "--seed", arguments.seed]
    words += ["--ngpu", min(together.gpus, 1), "--num_workers", "1", "--use_preprocessor", "true"]
    words += ["--token_type", "char", "--token_list", arguments.data / "tokens.txt"]
    words += ["--optim_conf", f"lr={arguments.learning_rate}"]
    words += ["--encoder_conf", f"w2v_url={arguments.encoder.name}"]
    words += ["--encoder_conf", f"w2v_dir_path={arguments.encoder.parent}"]
    for subset, prefix in (("train", "train"), ("dev", "valid")):
        data = arguments.data / subset
        words += [f"--{prefix}_data_path_and_name_and_type", f"{data / 'wav.scp'},speech,sound"]
        words += [f"--{prefix}_data_path_and_name_and_type", f"{data / 'text'},text,text"]
        words += [f"--{prefix}_shape_file", data / "speech_shape", f"--{prefix}_shape_file", data / "text_shape.char"]
    # folded batches shrink for utterances longer than 80,000 samples (5 s) or 150 characters
    words += ["--fold_length", "80000", "--fold_length", "150"]
    words += ["--use_wandb", "false", "--use_matplotlib", "false", "--num_att_plot", "0"]
    call = [str(word) for word in words]
    if together.count == 1:
        return [call]
    # while the encoder is frozen its parameters get no gradient
    call += ["--multiprocessing_distributed", "false", "--unused_parameters", "true"]
    call += ["--dist_backend", together.backend, "--dist_init_method", together.rendezvous()]
    call += ["--dist_world_size", str(together.count)]
    return [[*call, "--dist_rank", str(rank), "--local_rank", str(rank)] for rank in range(together.count)]


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


def publish(work: Path, epochs: int, output: Path) -> None:
    """Link every epoch's weights and ESPnet's resolved configuration into `output`, which appears in one step."""
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


def run_task(arguments: argparse.Namespace, together: Processes, claim: ownership.Claim) -> None:
    """Train and publish, as the owner of the output."""
    started = time.monotonic()
    recipe = yaml.safe_load(arguments.recipe.read_text(encoding="utf-8"))
    made_from = {
        "recipe": digests.digest(recipe),
        "espnet_layer": code_digest("scripts.finetune.espnet_layer"),
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "encoder_sha256": files.sha256(arguments.encoder),
        "data": data_digest(arguments.data),
    }
    work = arguments.output.parent / "work" / digests.digest(made_from)
    print(f"ESPnet's own log: {work / 'train.log'}", flush=True)
    mend(work)
    if not (work / f"{recipe['max_epoch']}epoch.pth").exists():
        calls = commands(arguments, work, together)
        training = trainer.Training(calls, work / "train.log", lambda: epochs_of(work), recipe["max_epoch"])
        trainer.run(training, claim)
    publish(work, recipe["max_epoch"], arguments.output)
    files.write_json(
        arguments.output / "provenance.json",
        {
            "made_from": made_from,
            "processes": together.count,
            "device": torch.cuda.get_device_name() if together.gpus else "cpu",
            "seconds_in_this_job": round(time.monotonic() - started, 1),
        }
        | provenance.circumstances("torch", "espnet", "ve-fairseq"),
    )


def main() -> None:
    """Parse the command line, train and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="configuration of ESPnet's asr_train (YAML)")
    parser.add_argument("--data", type=Path, required=True, help="folder written by scripts.finetune.prepare_data")
    parser.add_argument("--encoder", type=Path, required=True, help="checkpoint from scripts.finetune.prepare_encoder")
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cpu-processes", type=int, default=1, help="processes where the job sees no GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder: Nepoch.pth of every epoch, config.yaml")
    arguments = parser.parse_args()

    for name in ("recipe", "data", "encoder", "output"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    gpus = usable(torch.cuda.device_count())
    with ownership.owned(arguments.output, gpus) as claim:
        run_task(arguments, Processes(gpus, gpus or arguments.cpu_processes), claim)


if __name__ == "__main__":
    requeue.run(main)
