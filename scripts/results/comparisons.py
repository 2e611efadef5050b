"""The rows of the table with their intervals, and the paired tests between them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.common.errors import StepError
from scripts.common.users import DEV
from scripts.results import certainty, paired
from scripts.results.certainty import NONE, Interval
from scripts.results.labels import Checkpoint, checkpoint_of
from scripts.results.scores import Score, subsets_of
from scripts.results.transcribed import Heard, Said, heard, joined

Row = tuple[Checkpoint, str]  # a line of the table: a checkpoint, and the learning rate at which it was fine-tuned
AGAINST = ("above", "english", "best")


@dataclass(frozen=True)
class Comparison:
    """A row and another on the same utterances of a subset, seed by seed.

    difference: the row's error rate less the other's; p: of sign flips over speakers, after Holm's correction in a
    table; mapsswe: the p-value of MAPSSWE, as it is.
    """

    other: Row
    difference: float
    interval: Interval
    p: float
    mapsswe: float

    @property
    def is_significant(self) -> bool:
        return self.p <= paired.LEVEL


@dataclass
class Certain:
    """What is known of a table beside its numbers.

    intervals: of a score, by branch and subset. rows: of all seeds of a row, by row and subset. compared: by row,
    subset and AGAINST. lacking: by task, a sentence for each score whose transcripts are not there.
    """

    intervals: dict[tuple[object, str], Interval] = field(default_factory=dict)
    rows: dict[tuple[Row, str], Interval] = field(default_factory=dict)
    compared: dict[tuple[Row, str, str], Comparison] = field(default_factory=dict)
    speakers: dict[tuple[str, str], int] = field(default_factory=dict)
    lacking: list[tuple[str, str]] = field(default_factory=list)


def row_of(score: Score) -> Row:
    return checkpoint_of(score), score.branch.learning_rate


def by_row(scores: list[Score], subset: str) -> dict[Row, list[Score]]:
    """The scores of a subset, a row's seeds together, in the order of the table."""
    found: dict[Row, list[Score]] = {}
    for score in scores:
        if score.subset == subset:
            found.setdefault(row_of(score), []).append(score)
    return found


def mean_cer(scores: list[Score]) -> float:
    return sum(score.cer for score in scores) / len(scores)


def best_on_dev(scores: list[Score], rate: str | None = None) -> Row:
    """The row with the fewest errors on dev, at one learning rate or at any; the first of several."""
    rows = {row: of_row for row, of_row in by_row(scores, DEV).items() if rate in (None, row[1])}
    return min(rows, key=lambda row: mean_cer(rows[row]))


def partners(scores: list[Score], labels: Mapping[Checkpoint, str]) -> dict[Row, dict[str, Row]]:
    """What each row of a task is compared with, at its own learning rate, by AGAINST.

    `above`: the row before it of the same model. `english`: the first of another model that is no point on the way, as
    the given English one is. `best`: the one with the fewest errors on dev.
    """
    rows = list(by_row(scores, DEV))
    found: dict[Row, dict[str, Row]] = {}
    for place, row in enumerate(rows):
        (_, model, _), rate = row
        alike = [other for other in rows if other[1] == rate]
        above = [other for other in rows[:place] if other in alike and other[0][1] == model]
        english = [other for other in alike if "@" not in labels[other[0]] and other[0][1] != model]
        best = [other for other in [best_on_dev(scores, rate)] if other != row]
        of_row = zip(AGAINST, (above[-1:], english[:1], best), strict=True)
        found[row] = {against: others[0] for against, others in of_row if others}
    return found


def compare(ours: Heard, theirs: Heard, other: Row) -> Comparison:
    """Two sets of transcripts of the same utterances."""
    return Comparison(
        other,
        float((ours.errors - theirs.errors).sum() / ours.characters.sum()),
        certainty.of_difference(ours.errors, theirs.errors, ours.characters),
        paired.sign_flips(ours.errors - theirs.errors),
        paired.mapsswe(ours.aligned, theirs.aligned),
    )


def certain(scores: list[Score], labels: Mapping[Checkpoint, str], utterances: Mapping[str, Path]) -> Certain:
    """Everything of all tasks. `utterances`: the list with the references, by task."""
    found = Certain()
    for task in dict.fromkeys(score.branch.task for score in scores):
        of_task = [score for score in scores if score.branch.task == task]
        pairs = partners(of_task, labels)
        for subset in subsets_of(of_task):
            known = dict(_heard(found, of_task, subset, utterances.get(task)))
            _compare_rows(found, known, pairs, subset)
    return found


def _heard(
    found: Certain, scores: list[Score], subset: str, utterances: Path | None
) -> Iterator[tuple[Row, dict[int, Heard]]]:
    """The transcripts of each row by seed, of rows that lack none; enters the intervals."""
    task = scores[0].branch.task
    try:
        said = Said.of(utterances, subset) if utterances else None
    except StepError as error:
        said = None
        found.lacking.append((task, str(error)))
    if said is None:
        return
    found.speakers[task, subset] = len(set(said.speakers.tolist()))
    for row, of_row in by_row(scores, subset).items():
        try:
            parts = {score.branch.seed: heard(score, said) for score in of_row}
        except StepError as error:
            found.lacking.append((task, str(error)))
            continue
        for score in of_row:
            part = parts[score.branch.seed]
            found.intervals[score.branch, subset] = certainty.over_speakers(part.errors, part.characters)
        errors = sum(part.errors for part in parts.values())
        characters = sum(part.characters for part in parts.values())
        found.rows[row, subset] = certainty.over_speakers(errors, characters)
        yield row, parts


def _compare_rows(
    found: Certain, known: Mapping[Row, dict[int, Heard]], pairs: Mapping[Row, dict[str, Row]], subset: str
) -> None:
    """Each two rows once; then Holm's correction over all of them."""
    compared: dict[tuple[Row, Row], Comparison] = {}
    for row, others in pairs.items():
        for other in others.values():
            seeds = [seed for seed in known.get(row, {}) if seed in known.get(other, {})]
            if seeds and (other, row) not in compared and (row, other) not in compared:
                ours, theirs = (joined([known[side][seed] for seed in seeds]) for side in (row, other))
                compared[row, other] = compare(ours, theirs, other)
    adjusted = dict(zip(compared, paired.holm([one.p for one in compared.values()]), strict=True))
    for row, others in pairs.items():
        for against, other in others.items():
            if (row, other) in compared:
                one = compared[row, other]
                entry = Comparison(other, one.difference, one.interval, adjusted[row, other], one.mapsswe)
            elif (other, row) in compared:
                one = compared[other, row]
                turned = Interval(-one.interval.high, -one.interval.low, one.interval.error)
                entry = Comparison(other, -one.difference, turned, adjusted[other, row], one.mapsswe)
            else:
                continue
            found.compared[row, subset, against] = entry


def over_seeds(scores: list[Score]) -> Interval:
    """The interval of a row's mean over its seeds."""
    return certainty.over_seeds([score.cer for score in scores])


def sources_of_variation(scores: list[Score], found: Certain, subset: str) -> tuple[float, float]:
    """How far a single score of a subset may be off: the standard error over speakers, and the standard deviation over
    seeds, both as root mean squares over all rows. NaN where there is none.
    """
    speakers = [found.intervals.get((s.branch, subset), NONE).error for s in scores if s.subset == subset]
    rows = [of_row for of_row in by_row(scores, subset).values() if len(of_row) > 1]
    deviations = [certainty.deviation([score.cer for score in of_row]) for of_row in rows]
    return _root_mean_square(speakers), _root_mean_square(deviations)


def _root_mean_square(values: list[float]) -> float:
    values = [value for value in values if not math.isnan(value)]
    return math.sqrt(sum(value**2 for value in values) / len(values)) if values else math.nan
