"""Pre-train with fairseq from the milestone before (or from the start) to one milestone, and publish it.

fairseq works in an undeclared directory beside the output, named after everything that decides the result, so that a
job that was killed goes on where it last saved and never on something stale. What is published is linked from there
in one step: a milestone is there whole or not at all. Near the end of a SLURM job's time fairseq saves, and the job
goes back into the queue.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from scripts.common import files, provenance, sidecars
from scripts.common.errors import StepError
from scripts.pretrain import checkpoints, collapse, identity
from scripts.pretrain.fairseq_command import Segment, commands, precision, program, update_freq
from scripts.pretrain.faster import switches
from scripts.pretrain.findings import expected
from scripts.pretrain.guard import MODES, Guard, mode
from scripts.pretrain.recipe import decisive
from scripts.pretrain.unworkable import of_audio
from scripts.trainers import curves, fairseq_log, ownership, processes, requeue, states, supervisor
from scripts.trainers.work import LOG, WORK, segment_of

COLLAPSED = "its validation is that of a collapsed model, which says the same code for everything: it is never `best`"


def manifests_of(arguments: argparse.Namespace) -> dict[str, Path]:
    """The manifest of each subset."""
    return {"train": arguments.train_manifest, "valid": arguments.valid_manifest}


def identity_of(arguments: argparse.Namespace, start_from: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the milestone that is asked for is made of. `start_from`: as the sidecar of the one before says."""
    return identity.milestone(
        arguments.recipe,
        arguments.updates,
        arguments.effective_gpus,
        arguments.precision,
        arguments.seed,
        {name: sidecars.verified(path)["digest"] for name, path in manifests_of(arguments).items()},
        program(),
        start_from,
    )


def check_schedule(recipe: dict[str, Any], updates: int) -> None:
    """Raise StepError unless the learning rate's schedule is pinned and reaches as far as the milestone.

    Left to itself, fairseq's polynomial decay ends at max_update, so that every milestone would have its own schedule.
    """
    total = recipe.get("lr_scheduler", {}).get("total_num_update")
    if total is None or updates > total:
        raise StepError(
            f"lr_scheduler.total_num_update in the recipe is {total}: set it to the length of the whole run, "
            f"at least {updates}"
        )


def place_manifests(manifests: Mapping[str, Path], data: Path) -> None:
    """Copy the manifests with their root (the first line, relative to the manifest's folder) made absolute.

    fairseq splits entries at colons (audio.zip:offset:length), so a working directory with one cannot be read.
    """
    for name, manifest in manifests.items():
        root, entries = manifest.read_text(encoding="utf-8").split("\n", 1)
        absolute = (manifest.parent / root).resolve()
        if ":" in str(absolute):
            raise StepError(f"{absolute} has a colon in its path, which fairseq cannot read: work in another directory")
        files.write_text(data / f"{name}.tsv", f"{absolute}\n{entries}")


def check_archives(manifest: Path) -> None:
    """Raise StepError where an archive is not there or ends before its last entry.

    fairseq would train on what is left of an utterance without a word.
    """
    root, *entries = manifest.read_text(encoding="utf-8").splitlines()
    ends: dict[str, int] = {}
    for entry in entries:
        name, offset, length = entry.split("\t")[0].rsplit(":", 2)
        ends[name] = max(ends.get(name, 0), int(offset) + int(length))
    for name, end in ends.items():
        archive = manifest.parent / root / name
        if not archive.is_file():
            raise StepError(f"{archive} is missing, which {manifest} lists: restore it or pack it again")
        size = archive.stat().st_size
        if size < end:
            raise StepError(f"{archive} is truncated: {size} bytes instead of at least {end}: remake it")


def lengths_in(manifest: Path) -> list[int]:
    """How long the files of a manifest are, in samples."""
    return [int(line.split("\t")[1]) for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]


def check_lengths(recipe: dict[str, Any], manifest: Path) -> None:
    """Raise StepError where fairseq would drop each file as too short, and end in an empty dataset."""
    shortest = recipe.get("task", {}).get("min_sample_size") or 0
    lengths = lengths_in(manifest)
    if max(lengths, default=0) < shortest:
        raise StepError(
            f"{manifest}: none of its {len(lengths)} files has the {shortest} samples of task.min_sample_size in the "
            f"recipe, the longest has {max(lengths, default=0)}: set utterances_per_file higher or that key lower"
        )


def train(segment: Segment, together: processes.Processes, claim: ownership.Claim, guard: Guard) -> Path:
    """Run fairseq to the segment's end unless it has got there already; the checkpoint it ends with.

    fairseq unpickles what it goes on from, so that is looked at first.
    """
    guard.begin()
    saved = segment.work / "checkpoints"
    last, best = saved / "checkpoint_last.pt", saved / "checkpoint_best.pt"
    beginning = "training begins again " + (f"from {segment.resume_from}" if segment.resume_from else "from update 0")
    states.newest(last, checkpoints.check, otherwise=beginning)
    if best.exists():
        checkpoints.verified(best)  # now, rather than when it is to be published in some days
    # A finished run that is started again would train one more update.
    if checkpoints.updates_of(last) < segment.updates:
        print(f"fairseq's own log: {segment.work / LOG}", flush=True)
        saved.mkdir(parents=True, exist_ok=True)
        (saved / checkpoints.STOP_REQUESTED).unlink(missing_ok=True)
        files.remove_unfinished(saved)
        training = supervisor.Training(
            commands=commands(segment, together),
            log=segment.work / LOG,
            progress=lambda: checkpoints.updates_of(last),
            goal=segment.updates,
            ask_to_save=(saved / checkpoints.STOP_REQUESTED).touch,
            watch=guard.look,
        )
        with guard.explaining():
            supervisor.train(training, claim)
        guard.look()
    return last


def guard_of(arguments: argparse.Namespace, segment: Segment) -> Guard:
    """Who watches the training, and has seen what came before."""
    of = expected(yaml.safe_load(arguments.recipe.read_text(encoding="utf-8")), segment.precision == "fp16")
    run = arguments.output.parent
    before = sidecars.read(arguments.resume_from)["updates"] if arguments.resume_from else 0
    rows = [row for row in curves.rows_of(run) if row.updates <= before]
    rows += [row for row in fairseq_log.read(segment.work / LOG) if row.updates > before]
    return Guard(arguments.guard, f"pretraining.{run.name}", segment.work, of, rows)


def publish(last: Path, arguments: argparse.Namespace, made_from: dict[str, Any], facts: dict[str, Any]) -> None:
    """Publish the milestone, and the checkpoint with the lowest validation loss so far.

    A collapsed one is the best only where there is no other: choose_best leaves it out.
    """
    above = tuple(manifests_of(arguments).values())
    if checkpoints.updates_of(last) != arguments.updates:
        raise StepError(f"{last} is at update {checkpoints.updates_of(last)} instead of {arguments.updates}: see {LOG}")
    if "start_from" in made_from:
        above += (arguments.resume_from,)  # which vouches for what was given
    rows, model = fairseq_log.read(last.parents[1] / LOG), decisive(arguments.recipe).get("model", {})

    def validation_of(checkpoint: Path) -> dict[str, Any] | None:
        return collapse.figures(fairseq_log.validation_at(rows, checkpoints.updates_of(checkpoint)), model)

    checkpoints.publish(last, arguments.output, made_from, above, validation=validation_of(last), **facts)
    own_best = last.with_name("checkpoint_best.pt")  # absent where no validation beat those of earlier segments
    is_sound = own_best.exists() and not collapse.is_collapsed(validation_of(own_best))
    if is_sound or arguments.best_before is None:
        best = own_best if is_sound else last
        checkpoints.publish(best, arguments.best, made_from, above, validation=validation_of(best), **facts)
    else:
        files.publish(arguments.best_before, arguments.best)
        files.publish(arguments.best_before.with_suffix(".json"), arguments.best.with_suffix(".json"))
    states.forget_previous(last)


def make_milestone(arguments: argparse.Namespace, together: processes.Processes, claim: ownership.Claim) -> None:
    """Train and publish, as the owner of the output."""
    resumed = sidecars.verified(arguments.resume_from) if arguments.resume_from else None
    start_from = resumed["made_from"].get("start_from") if resumed else None
    made_from = identity_of(arguments, start_from) | {"resumed_from_sha256": resumed and resumed["sha256"]}
    before = arguments.resume_from.resolve() if resumed else None
    begins = bool(resumed) and resumed["updates"] == 0
    work = arguments.output.parent.resolve() / WORK / segment_of(arguments.output.stem, made_from)
    segment = Segment(
        recipe=arguments.recipe.resolve(),
        data=work / "data",
        work=work,
        updates=arguments.updates,
        update_freq=update_freq(arguments.effective_gpus, together.count),
        precision=precision(arguments.precision, torch.cuda.get_device_capability() if together.gpus else None),
        seed=arguments.seed,
        resume_from=None if begins else before,
        start_from=before if begins else None,
    )
    place_manifests(manifests_of(arguments), segment.data)
    guard = guard_of(arguments, segment)
    for sentence in of_audio(
        decisive(arguments.recipe), guard.key, lengths_in(arguments.train_manifest), arguments.effective_gpus
    ):
        print(f"warning: {sentence}", flush=True)
    last = train(segment, together, claim, guard)
    facts = {
        "processes": together.count,
        "device": torch.cuda.get_device_name() if together.gpus else "cpu",
        "precision": segment.precision,
        "update_freq": segment.update_freq,
        "faster": switches.parse(arguments.faster).words(),
        "warnings": list(guard.warnings.values()),
    } | provenance.circumstances("fairseq", "torch", "ve-fairseq")
    publish(last, arguments, made_from, facts)
    card = sidecars.read(arguments.output)
    withheld = collapse.is_collapsed(card["validation"])
    print(f"{arguments.output}: " + (COLLAPSED if withheld else f"validation loss {card['validation_loss']}"))


def main() -> None:
    """Parse the command line and make one milestone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="fairseq configuration (YAML)")
    parser.add_argument("--train-manifest", type=Path, required=True, help="with its sidecar .json beside it")
    parser.add_argument("--valid-manifest", type=Path, required=True)
    parser.add_argument("--updates", type=int, required=True, help="the milestone, counted from the start")
    parser.add_argument("--effective-gpus", type=int, required=True, help="GPUs whose batch is simulated")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp16", "fp32"), required=True, help="on GPUs")
    parser.add_argument("--cpu-processes", type=int, default=1, help="processes where the job sees no GPU")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--faster", nargs="*", default=[], help="scripts/pretrain/faster/switches.py; decides nothing")
    parser.add_argument("--guard", type=mode, choices=MODES, default="stop", help="scripts/pretrain/guard.py")
    parser.add_argument("--resume-from", type=Path, nargs="?", help="the milestone before (after-0: its weights)")
    parser.add_argument("--best-before", type=Path, nargs="?", help="the best checkpoint until the milestone before")
    parser.add_argument("--output", type=Path, required=True, help="after-N-updates.pt; a sidecar .json goes beside it")
    parser.add_argument("--best", type=Path, required=True, help="lowest validation loss so far; with a sidecar, too")
    arguments = parser.parse_args()

    switches.hand_over(switches.parse(arguments.faster))
    recipe = decisive(arguments.recipe)
    check_schedule(recipe, arguments.updates)
    for manifest in manifests_of(arguments).values():
        check_archives(manifest)
        check_lengths(recipe, manifest)
    together = processes.at_hand(processes.usable(torch.cuda.device_count()), arguments.cpu_processes)
    with ownership.owned(arguments.output, together.gpus * together.nodes) as claim:
        make_milestone(arguments, together, claim)


if __name__ == "__main__":
    requeue.exit_or_requeue(main)
