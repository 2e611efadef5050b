"""What stands below the table of a task: how certain its numbers are, and which differences are more than chance."""

import math
from collections.abc import Mapping

from scripts.common.users import DEV
from scripts.evaluate.metrics import METRICS
from scripts.results import paired
from scripts.results.certainty import FEW_SPEAKERS, Interval
from scripts.results.comparisons import (
    AGAINST,
    Certain,
    Comparison,
    Row,
    best_on_dev,
    by_row,
    mean_cer,
    over_seeds,
    sources_of_variation,
)
from scripts.results.labels import Checkpoint, checkpoint_of, in_words
from scripts.results.scores import Score, subsets_of

MARK = "≈"
NOTHING = "–"

TITLE = "Certainty"  # the first cell of its table


def caption(scores: list[Score], labels: Mapping[Checkpoint, str], found: Certain) -> str:
    """Tables and list items for one task, as Markdown; the differences are those of its test sets."""
    parts = []
    if any((row, subset) in found.rows for row in by_row(scores, DEV) for subset in subsets_of(scores)):
        parts.append("\n".join([*_certainty(scores, labels, found), "", *notes(scores, labels, found)]))
    if len({score.branch.learning_rate for score in scores}) > 1:
        parts.append("\n".join(_learning_rates(scores, labels)))
    task = scores[0].branch.task
    lacking = [sentence for of_task, sentence in found.lacking if of_task == task]
    if lacking:
        parts.append("\n".join(f"- No interval and no test: {sentence}." for sentence in lacking))
    return "\n\n".join(parts) + "\n" if parts else ""


def name_of(row: Row, labels: Mapping[Checkpoint, str], several_rates: bool) -> str:
    return labels[row[0]] + (f", lr {row[1]}" if several_rates else "")


def _certainty(scores: list[Score], labels: Mapping[Checkpoint, str], found: Certain) -> list[str]:
    """A line a row: intervals, and what the row is compared with on each test set."""
    several_rates = len({score.branch.learning_rate for score in scores}) > 1
    subsets = subsets_of(scores)
    of_rows = {test: by_row(scores, test) for test in subsets[1:]}
    rows = list(by_row(scores, DEV))
    seeds = [test for test, of_test in of_rows.items() if any(over_seeds(of_row) for of_row in of_test.values())]
    pairs = [(test, against) for test in of_rows for against in AGAINST]
    shown = [pair for pair in pairs if any((row, *pair) in found.compared for row in rows)]
    heads = {"above": "to the row above", "english": f"to {_english(found, labels)}", "best": "to the best on dev"}
    names = [
        *(f"{subset}, 95 % over speakers" for subset in subsets),
        *(f"{test}, 95 % over seeds" for test in seeds),
        *(heads[against] + f", {test}" * (len(of_rows) > 1) for test, against in shown),
    ]
    lines = [_line(TITLE, *names), _line("---", *["---:"] * len(names))]
    for row in rows:
        cells = [interval_in_percent(found.rows.get((row, subset))) for subset in subsets]
        cells += [interval_in_percent(over_seeds(of_rows[test][row])) for test in seeds]
        cells += [_difference(found.compared.get((row, *pair))) for pair in shown]
        lines.append(_line(f"`{name_of(row, labels, several_rates)}`", *cells))
    return lines


def _english(found: Certain, labels: Mapping[Checkpoint, str]) -> str:
    others = [one.other[0] for (_, _, against), one in found.compared.items() if against == "english"]
    return labels[others[0]] if others else ""


def _difference(one: Comparison | None) -> str:
    if one is None:
        return NOTHING
    mark = "" if one.is_significant else f" {MARK}"
    return f"{points(one.difference)}{mark} ({p_in_words(one.p)})"


def points(difference: float) -> str:
    """With its sign, which nothing has that is rounded to 0."""
    shown = f"{100 * difference:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


def p_in_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}" if p < 0.1 else f"p {p:.2f}"


def interval_in_percent(interval: Interval | None) -> str:
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}" if interval else NOTHING


def notes(scores: list[Score], labels: Mapping[Checkpoint, str], found: Certain) -> list[str]:
    """What the marks mean, and what few speakers and seeds do not tell."""
    task = scores[0].branch.task
    subsets = subsets_of(scores)
    speakers = {subset: found.speakers[task, subset] for subset in subsets if (task, subset) in found.speakers}
    counted = in_words(f"{_speakers(number)} of {subset}" for subset, number in speakers.items())
    name = METRICS[scores[0].metric].name
    lines = [f"- 95 % intervals over the {counted}: jackknife on log({name}) with Student's t."]
    for subset, number in speakers.items():
        if number == 1:
            lines.append(f"- {subset} has one speaker: there is no interval over speakers, and no test.")
        elif number < FEW_SPEAKERS:
            lines.append(f"- {subset} has few speakers: its intervals are wide, and say little of other speakers.")
    compared = {subset for ((of_task, _, _), _), subset, _ in found.compared if of_task == task}
    if tests := [test for test in subsets[1:] if test in compared]:
        lines.append(
            f"- Differences in points on {in_words(tests)}, with the p-value of sign flips of "
            f"{'its' if len(tests) == 1 else 'their'} speakers' differences after Holm's "
            f"correction; `{MARK}`: no significant difference at 5 %."
        )
        for number in dict.fromkeys(speakers[test] for test in tests):
            if (least := paired.least_p(number)) > paired.LEVEL:
                lines.append(f"- With {_speakers(number)} no p-value is below {least:.2g}: no test can find any.")
    return lines + [line for test in subsets[1:] for line in _sources(scores, found, test)]


def _speakers(number: int) -> str:
    return f"{number:,} speaker" + "s" * (number != 1)


def _sources(scores: list[Score], found: Certain, test: str) -> list[str]:
    """Speakers or seeds: where there are several of both."""
    speakers, seeds = sources_of_variation(scores, found, test)
    if math.isnan(speakers) or math.isnan(seeds):
        return []
    larger = "seeds" if seeds > speakers else "speakers"
    return [
        f"- A single {METRICS[scores[0].metric].name} of {test} varies by {100 * speakers:.1f} points over speakers "
        f"(standard error) and by {100 * seeds:.1f} over seeds of fine-tuning (standard deviation): {larger} are the "
        "larger source."
    ]


def _learning_rates(scores: list[Score], labels: Mapping[Checkpoint, str]) -> list[str]:
    """Each row at the first learning rate of the config, and at the one with the fewest errors on dev."""
    first = scores[0].branch.learning_rate
    of_rows = {test: by_row(scores, test) for test in subsets_of(scores)[1:]}
    heads = [*(f"{test} at {first}" for test in of_rows), "best learning rate on dev"]
    heads += [f"{test} there" for test in of_rows]
    lines = [_line("Learning rates", *heads), _line("---", *["---:"] * len(heads))]
    best_rates: dict[Checkpoint, str] = {}  # of the milestones
    for checkpoint in dict.fromkeys(checkpoint_of(score) for score in scores):
        _, best = best_on_dev([score for score in scores if checkpoint_of(score) == checkpoint])
        at, there = ([mean_cer(of_test[checkpoint, rate]) for of_test in of_rows.values()] for rate in (first, best))
        percent = [[f"{100 * rate:.1f}" for rate in rates] for rates in (at, there)]
        lines.append(_line(f"`{labels[checkpoint]}`", *percent[0], best, *percent[1]))
        if "@" in labels[checkpoint]:
            best_rates[checkpoint] = best
    return [*lines, "", *(_order(of_test, test, best_rates, first, labels) for test, of_test in of_rows.items())]


def _order(
    rows: Mapping[Row, list[Score]],
    test: str,
    best: Mapping[Checkpoint, str],
    first: str,
    labels: Mapping[Checkpoint, str],
) -> str:
    """Whether the milestones change their order on a test set. `best`: of each the best learning rate."""
    orders = [
        [labels[one] for one in sorted(best, key=lambda one: mean_cer(rows[one, rates[one]]))]
        for rates in (dict.fromkeys(best, first), best)
    ]
    before, after = map(", ".join, orders)
    same = "is the same" if before == after else f"changes from {before} to {after}"
    return (
        f"- Each learning rate is chosen on dev and reported on {test}. The order of the milestones, from the fewest "
        f"errors on {test} to the most, {same} where each has its best learning rate."
    )


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
