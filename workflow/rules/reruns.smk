"""What is made again, and why: docs/decisions/0005-reruns-by-content.md. The comparing is done in scripts/reruns."""

import sys
from functools import cache
from tempfile import NamedTemporaryFile

from scripts.common import files
from scripts.reruns import adopt, record
from scripts.reruns.commands import step_digest
from scripts.reruns.parts import Part
from scripts.reruns.staleness import Staleness

STALENESS = Staleness(config, REPOSITORY)


def code_of(rule):
    """A digest of a rule's command, and of our code that it runs without its comments."""
    return f"code {step_digest(REPOSITORY / 'workflow' / 'rules', rule)}"


def content_of(path):
    """A digest of a file of the repository, whose date says nothing: a checkout sets it."""
    return f"content {files.sha256(Path(path))}"


@cache
def say(sentence):
    """Say it once."""
    logger.warning(sentence)


@cache
def now():
    """A file that is newer than all that was made before this start of Snakemake, and goes when it ends."""
    Path(".snakemake").mkdir(exist_ok=True)
    return NamedTemporaryFile(dir=".snakemake", prefix="now-")


def again(is_needed):
    """An input by which Snakemake makes something again where it is needed, whether or not it remembers making it."""
    return [os.path.relpath(now().name)] if is_needed else []


def if_stale(kind, **names):
    """The same for the rule that makes a kind of part."""
    return lambda wildcards: again(STALENESS.why_stale(Part.of(kind, **{**wildcards, **names})))


def forced():
    """Whether the user, or the process that started this one, says what is to run."""
    settings = workflow.dag_settings
    if {trigger.name for trigger in settings.rerun_triggers} - {"MTIME", "PARAMS"}:
        sys.exit("error: rerun-triggers must be mtime and params, as profiles/default says: others repeat pre-training")
    return settings.forceall or settings.forcerun or settings.forcetargets


def spared(parts, settled, others):
    """Inputs of a step that takes GPUs. It shall run only for products that are stale, or needed and not there.

    An edge to something that runs again would have it run again. `settled` are outputs of checkpoints: once one is
    made, Snakemake asks here again. The `others` are taken as they lie where the products stand, and may be gone.
    """
    stale = any(STALENESS.why_stale(part) for part in parts)
    if stale or forced():
        return others | {"settled": settled, "again": again(stale)}
    if not all(Path(product).exists() for part in parts for product in (part.file, part.sidecar)):
        return {name: ancient(paths) for name, paths in {**others, "settled": settled}.items()}
    lying = {name: [path for path in paths if Path(path).exists()] for name, paths in others.items()}
    return {name: ancient(before_update(paths)) for name, paths in lying.items()} | {"settled": waited_for(settled)}


def waited_for(settled):
    """Outputs of checkpoints for which a job waits, but not because of which it runs. A dry run makes none of them."""
    return ancient([path for path in settled if Path(path).exists() or not workflow.dryrun])


def audio_settled(model):
    """What decides whether a run is trained again. Whatever lies below it has to wait for that."""
    subsets = ("train", "valid") if model in config["pretraining"] else ()
    return [Part.of("manifest", model=model, subset=subset).sidecar for subset in subsets]


def training_settled(wildcards):
    """What decides whether a checkpoint is fine-tuned again."""
    return [*audio_settled(wildcards.model), *(Part.of(kind, **wildcards).sidecar for kind in ("data", "encoder"))]


def inputs_of_milestone(wildcards):
    """For pretrain. A finished milestone is trained again only if the user has said so."""
    model, updates = wildcards.model, int(wildcards.updates)
    milestone, best = (Part.of(kind, **wildcards) for kind in ("milestone", "best-until"))
    if reasons := STALENESS.why_stale(milestone):
        confirm(f"{milestone.file} is finished and would be trained again", reasons)
    earlier = milestone_before(model, updates)
    others = {subset: [Part.of("manifest", model=model, subset=subset).file] for subset in ("train", "valid")}
    others["audio"] = archives(model)
    others["before"] = [Part.of("milestone", model=model, updates=n).file for n in earlier]
    others["best_before"] = [Part.of("best-until", model=model, updates=n).file for n in earlier]
    return spared([milestone, best], audio_settled(model), others)


def inputs_of_archive(wildcards):
    """For concatenate. It replaces audio that finished milestones have heard: they are asked about first."""
    ask_about_audio(wildcards.model, is_split=False)
    checkpoints.split_validation.get(model=wildcards.model)  # not before it has run
    ask_about_audio(wildcards.model, is_split=True)
    return Part.of("split", **wildcards).file


def ask_about_audio(model, is_split):
    finished, reasons = STALENESS.finished_milestones(model), STALENESS.other_audio(model, is_split)
    if finished and reasons:
        more = f" and {len(finished) - 1} more are" if finished[1:] else " is"
        confirm(f"{finished[0].file}{more} finished and may be trained again", reasons)


def confirm(what, reasons):
    """Say why milestones are to be trained again, and go on only with repeat_pretraining.

    Snakemake swallows an exit's own words if it comes in the middle of a run, where it also ends running jobs.
    """
    sentence = f"{what}, because of {'; '.join(reasons)}"
    advice = "undo that change, or say --config repeat_pretraining=True"
    if config["repeat_pretraining"] or workflow.dryrun:
        return say(f"{sentence}{'' if config['repeat_pretraining'] else f': {advice}'}.")
    print(f"error: {sentence}: {advice}", file=sys.stderr, flush=True)
    sys.exit(1)


def inputs_of_branch(wildcards):
    """For finetune."""
    encoder, data = (Part.of(kind, **wildcards).file for kind in ("encoder", "data"))
    others = {"encoder": [encoder], "data": [data]}
    return spared([Part.of("epochs", **wildcards)], training_settled(wildcards), others)


def inputs_of_transcripts(wildcards):
    """For transcribe."""
    task = config["finetuning"][wildcards.task]
    average, utterances = average_of(wildcards), Part.of("utterances", corpus=task["corpus"])
    others = {
        "weights": [average.file],
        "config": [str(Path(average.file).with_suffix(".yaml"))],
        "encoder": [Part.of("encoder", **wildcards).file],
        "utterances": [utterances.file],
    }
    settled = [utterances.sidecar, *training_settled(wildcards)]
    return spared([Part.of("transcript", **wildcards, subset=subset) for subset in ("dev", "test")], settled, others)


def starting_points():
    """What all trainings start from: asked for beside the table, so that every change above them is seen."""
    branches = {(item["finetuning"], model) for item in config["experiments"] for model in item["from"]}
    sidecars = [path for model in sorted({model for _, model in branches}) for path in audio_settled(model)]
    sidecars += [Part.of("data", task=task).sidecar for task in sorted({task for task, _ in branches})]
    for task, model in sorted(branches):
        encoders = [Part.of("encoder", task=task, model=model, checkpoint=c) for c in checkpoints_of(config, model)]
        sidecars += [encoder.sidecar for encoder in encoders]
    return sidecars


try:
    adopt.refuse_other_formats(config)
except StepError as error:
    sys.exit(f"error: {error}")

for sentence in record.other_environments(config):
    say(sentence)
