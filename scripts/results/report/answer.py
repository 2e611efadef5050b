"""The answer in a paragraph: what the numbers say of the question, how surely, and no more."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pandas as pd

from scripts.common.users import DEV
from scripts.results import paired
from scripts.results.caption import p_in_words, points
from scripts.results.report.lines import Line, best_of, between, lines_of

SURE = "no significant difference at this size"


def answers(table: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    """Sentences on each task, from cer.tsv. What is best is chosen on dev, and said of the test sets; what is compared
    has the first learning rate, which is the published one.
    """
    for task, of_task in table.groupby("task", sort=False):
        name, lines = labels.get(task, task), lines_of(of_task)
        tests = [subset for subset in of_task["subset"].unique() if subset != DEV]
        first_rate = lines[0].rate
        at_first = [line for line in lines if line.rate == first_rate]
        for model in dict.fromkeys(line.model for line in at_first if line.updates is not None):
            course = [line for line in at_first if line.model == model and line.is_point]
            if len({line.updates for line in course}) > 1:
                of_all_rates = [line for line in lines if line.model == model and line.is_point]
                for subset in tests:
                    yield from _course(name, labels.get(model, ""), course, of_all_rates, subset)
        for subset in tests:
            yield from _against(at_first, subset)
            yield from _explained(at_first, subset)


def _course(task: str, model: str, course: list[Line], of_all_rates: list[Line], subset: str) -> Iterator[str]:
    """From the first point of a curve to its best, and from each milestone to the next."""
    first, best = min(course, key=lambda line: line.updates), best_of(course)
    several = len({line.rate for line in of_all_rates}) > 1
    where = f"On {task}" + (f" at a learning rate of {first.rate}" if several else "")
    of_model = f" of {model}" if model else ""
    start = "without pre-training" if first.updates == 0 else f"after {first.updates:,.0f} updates"
    if best is first:
        yield (
            f"{where}, pre-training{of_model} lowers {first.measure} nowhere: on dev the lowest is that {start}, "
            f"{first.shown(DEV)} on dev and {first.shown(subset)} on {subset}."
        )
    else:
        verb, judged = _judged(first, best, subset, ("lowers", "raises"))
        rate = f"{first.measure} of {subset}"
        subject = f"pre-training{of_model} {verb} {rate}" if verb else f"{rate}{of_model} goes"
        end = f"after {best.updates:,.0f} updates, where it is lowest on dev"
        yield f"{where}, {subject} from {first.shown(subset)} {start} to {best.shown(subset)} {end}: {judged}."
        yield from _published(best, subset)
    yield from _steps(course, subset)
    if several:
        ends = [best_of([line for line in of_all_rates if line.row == end.row]) for end in (first, best)]
        shown = [f"{line.shown(subset)} for {line.row} (lr {line.rate})" for line in dict.fromkeys(ends)]
        rate = f"{first.measure} of {subset}"
        yield f"At the learning rate that is best on dev for each, {rate} is {' and '.join(shown)}."


def _judged(one: Line, other: Line, subset: str, verbs: tuple[str, str]) -> tuple[str, str]:
    """The verb for what `other` does to the errors of `one`, "" where that may be chance; and why, in words."""
    difference = other.mean(subset) - one.mean(subset)
    found, speakers = between(one, other, subset), one.speakers(subset)
    shown = f"{points(difference)} points"
    if found is None:
        unknown = f"{subset} has one speaker" if speakers == 1 else "the two were not compared"
        return "", f"{shown}, and whether that is more than chance is not known ({unknown})"
    if not math.isnan(found.low):
        shown += f", 95 % {points(found.low / 100)} to {points(found.high / 100)}"
    shown += f", {p_in_words(found.p)}"
    if found.p > paired.LEVEL:
        few = speakers is not None and paired.least_p(speakers) > paired.LEVEL
        return "", f"{SURE} ({shown}" + (f"; with {speakers} speakers no test finds one)" if few else ")")
    return verbs[difference > 0], shown


def _steps(course: list[Line], subset: str) -> Iterator[str]:
    """Which milestones differ from the one before; nothing where that was not compared."""
    line = sorted((point for point in course if not point.is_best), key=lambda point: point.updates)
    steps = [(before, after, between(before, after, subset)) for before, after in pairwise(line)]
    if len(steps) < 2 or any(found is None for *_, found in steps):
        return
    sure = [
        f"to {after.row} ({points(after.mean(subset) - before.mean(subset))} points)"
        for before, after, found in steps
        if found.p <= paired.LEVEL
    ]
    verb = "are" if len(sure) > 1 else "is"
    counted = f"{len(sure) or 'None'} of its {len(steps)} steps from milestone to milestone {verb} significant"
    yield f"{counted}: {', '.join(sure)}." if sure else f"{counted}."


def _published(line: Line, subset: str) -> Iterator[str]:
    number = line.published(subset)
    if not math.isnan(number):
        yield f"Published for {line.row}: {number:g} %, ours {points(line.mean(subset) - number / 100)} points."


def _against(lines: list[Line], subset: str) -> Iterator[str]:
    """The best point of the curves beside each other model at its best."""
    best = best_of([line for line in lines if line.is_point] or lines)
    for model in dict.fromkeys(line.model for line in lines if line.model != best.model):
        other = best_of([line for line in lines if line.model == model])
        verb, judged = _judged(other, best, subset, ("fewer", "more"))
        numbers = f"{best.shown(subset)} against {other.shown(subset)}"
        if verb:
            yield f"{best.row} makes {verb} errors in {subset} than {other.row}: {numbers} ({judged})."
        else:
            yield f"{best.row} against {other.row}: {judged}; {numbers}."


def _explained(lines: list[Line], subset: str) -> Iterator[str]:
    """What intervals are, and what stands behind ±."""
    with_intervals = [line for line in lines if line.has_interval(subset) or line.has_intervals_of_differences(subset)]
    if speakers := next((line.speakers(subset) for line in with_intervals), None):
        yield f"All intervals are of 95 %, over the {speakers} speakers of {subset}."
    if any(line.seeds(subset) > 1 for line in lines):
        yield "±: standard deviation over seeds of fine-tuning."
