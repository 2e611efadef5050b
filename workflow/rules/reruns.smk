"""What is made again, and why: docs/decisions/0005-reruns-by-content.md. The comparing is done in scripts/reruns."""

import sys
from functools import cache
from tempfile import NamedTemporaryFile

from scripts.pretrain import unworkable
from scripts.reruns import adopt, best, inputs, record
from scripts.common.files import read_json
from scripts.reruns.staleness import Staleness
from scripts.trainers.curves import trained_from

# A job is a Snakemake of its own: what it runs was decided by the one that sent it, which has looked at the corpora.
STALENESS = Staleness(config, REPOSITORY, looks=workflow.is_main_process)


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
    """The same for the rule that makes a kind of part. It comes with the sidecars that say what the part is made from,
    and with what decides whether a training above it runs.
    """

    def inputs_of(wildcards):
        part = Part.of(kind, **{**wildcards, **names})
        sidecars = [ancient(other.sidecar) for other in above(part, config)]
        settled = waited_for(inputs.settled_before(part, config))
        looks = kind == "utterances" and config["look_again"]
        return sidecars + settled + again(STALENESS.why_stale(part) or looks)

    return inputs_of


def forced():
    """Whether the user, or the process that started this one, says what is to run. Refuses what cannot be run so."""
    settings = workflow.dag_settings
    if {trigger.name for trigger in settings.rerun_triggers} - {"MTIME", "PARAMS"}:
        sys.exit(
            "error: rerun-triggers must be mtime and params, as others repeat pre-training: leave out --workflow-profile, "
            "and copy profiles/default beside a Snakefile of your own"
        )
    if workflow.non_local_exec:
        errors.exit_on_error(lambda: places.check_python(sys.executable))
    return settings.forceall or settings.forcerun or settings.forcetargets


def waited_for(settled):
    """What a job waits for without being run for it. A dry run makes none of it: what is missing may come as it was."""
    return ancient([path for path in settled if Path(path).exists() or not workflow.dryrun])


def spared(of):
    """Inputs of a step that takes GPUs. It shall run only for products that are stale, or needed and not there.

    An edge to something that runs again would have it run again. So where the products stand, its inputs are taken as
    they lie, and may be gone, but for what Snakemake is to ask again about. (Where a plan is made anew, Snakemake looks
    for no work behind an ancient edge from a job that has made its files and not yet ended: hence no such edges to what
    is needed.)
    """
    stale = any(STALENESS.why_stale(part) for part in of.parts)
    missing = [part for part in of.parts if not STALENESS.is_whole(part)]
    if stale or forced() or any(STALENESS.is_needed(part) for part in missing):
        return of.others | {"settled": of.settled, "again": again(stale)}
    if missing:
        return {name: ancient(paths) for name, paths in {**of.others, "settled": of.settled}.items()}
    lying = {name: [path for path in paths if Path(path).exists()] for name, paths in of.others.items()}
    return {name: ancient(before_update(paths)) for name, paths in lying.items()} | {"settled": waited_for(of.settled)}


def inputs_of_table(wildcards):
    """For trace and tabulate: all scores, those of best checkpoints as soon as it is known which ones these are.

    They are chosen by a checkpoint of Snakemake, which asks again once it has run. (No `.get()`: what that has once
    found stands until Snakemake ends, even where the choice is about to be made again.)
    """
    models = models_with_best(config)
    chosen = [model for model in models if STALENESS.is_chosen(model)]
    for model in models:
        if model not in chosen and workflow.is_main_process:
            say(best.foreseen(config, model))
    if workflow.dryrun:  # which takes it to come back the same
        chosen += [choice["model"] for choice in best.choices(config) if Path(choice.file).exists()]
    return inputs.of_table(config, chosen)


def inputs_of_errors(wildcards):
    """For tabulate_errors: what was misheard in the rows of the table, as soon as it is known which ones these are."""
    table = inputs_of_table(wildcards)
    scored = [parts.match("score", path) for path in table.pop("scores") + table.pop("best_scores")]
    folders = dict.fromkeys(folder_of_errors(**dict(score.names)) for score in scored)
    names = ("rates.tsv", "confusions.tsv")
    return table | {"errors": [f"results/errors/{folder}/{name}" for folder in folders for name in names]}


def folder_of_errors(task, subset, **names):
    """Where it is said what was misheard, below results/errors: of all subsets, or of one where a job is of one."""
    branch = parts.BRANCH.format(task=task, **names)
    return branch if scored_of(config["finetuning"][task]) == SUBSETS else f"{branch}/{subset}"


def inputs_of_milestone(wildcards):
    """For pretrain. A finished milestone is trained again only if the user has said so."""
    of = inputs.of_milestone(config, wildcards)
    if reasons := STALENESS.why_stale(of.parts[0]):
        confirm(f"{of.parts[0].file} is finished and would be trained again", reasons)
    return spared(of)


def curves_of(parts, note):
    """What the curves of trainings are made of, for the rules that keep and describe them: those that are there or come
    for the table. None is made for its curve. Dates decide nothing; the note says which trainings the curves are of.
    """
    coming = [part for part in parts if comes(part)]
    there = [part for part in parts if part not in coming and STALENESS.is_whole(part)]
    made_from = trained_from(Path(part.sidecar) for part in there)
    known = read_json(Path(note))["trained"] if Path(note).exists() else made_from
    return {
        "trained": [part.sidecar for part in coming] + [ancient(part.sidecar) for part in there],
        "again": again(made_from != {path: known.get(path) for path in made_from}),
    }


def comes(part):
    """Whether a training is about to run for the table."""
    twin = [Part.of("best-until", **dict(part.names))] if part.kind == "milestone" else []
    missing = not STALENESS.is_whole(part) and any(STALENESS.is_needed(other) for other in [part, *twin])
    return missing or bool(STALENESS.why_stale(part))


def inputs_of_curve(wildcards):
    """For keep_curve."""
    found = curves_of(inputs.milestones(config, wildcards.model), f"results/pretrain/{wildcards.model}/curve.json")
    return found | {"settled": waited_for(inputs.audio_settled(config, wildcards.model))}


def inputs_of_description(wildcards):
    """For describe_trainings. A curve that is about to be kept anew is waited for as usual: behind an ancient edge to it
    nothing would be found to do, where a plan is made anew.
    """
    milestones = {model: inputs.milestones(config, model) for model in models() if model in config["pretraining"]}
    notes = {model: f"results/pretrain/{model}/curve.json" for model in milestones}
    fresh = [
        any(comes(part) for part in parts) or bool(curves_of(parts, notes[model])["again"])
        for model, parts in milestones.items()
    ]
    runs = [path if is_fresh else ancient(path) for path, is_fresh in zip(curves(), fresh, strict=True)]
    parts = [*inputs.branches(config), *(part for parts in milestones.values() for part in parts)]
    settled = waited_for(inputs.all_settled(config))  # whether a training comes is known once these have run
    return {"runs": runs, "settled": settled} | curves_of(parts, "results/trainings.json")


def inputs_of_archive(wildcards):
    """For concatenate. It replaces audio that finished milestones have heard: they are asked about first."""
    ask_about_audio(wildcards.model, is_split=False)
    checkpoints.split_validation.get(model=wildcards.model)  # goes on once it has run
    ask_about_audio(wildcards.model, is_split=True)
    split = Part.of("split", **wildcards).file
    return split if STALENESS.why_stale(Part.of("archive", **wildcards)) else ancient(split)


def ask_about_audio(model, is_split):
    finished, reasons = STALENESS.finished_milestones(model), STALENESS.other_audio(model, is_split)
    if finished and reasons:
        more = f" and {len(finished) - 1} more are" if finished[1:] else " is"
        confirm(f"{finished[0].file}{more} finished and may be trained again", reasons)


def confirm(what, reasons):
    """Say why milestones are to be trained again, and go on only with repeat_pretraining.

    Snakemake swallows an exit's own words if it comes in the middle of a call, where it also ends running jobs.
    """
    sentence, advice = f"{what}, because of {'; '.join(reasons)}", "undo that, or say --config repeat_pretraining=True"
    if config["repeat_pretraining"]:
        return say(f"{sentence}.")
    if workflow.dryrun:
        return say(f"{sentence}: {advice}.")
    print(f"error: {sentence}: {advice}", file=sys.stderr, flush=True)
    sys.exit(1)


errors.exit_on_error(lambda: adopt.refuse_other_formats(config))

# Recipes that cannot work are named, not refused.
for sentence in unworkable.of_config(config, REPOSITORY) if workflow.is_main_process else []:
    say(sentence)
