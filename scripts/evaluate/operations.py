"""Which character was heard as which: the alignment whose errors `scripts.evaluate.alignment` counts, spelt out.

A module of its own: the scores depend on the code that counts, and shall stand where only this changes.
"""

import re
from collections.abc import Iterator, Sequence

from scripts.evaluate.alignment import DELETION, INSERTION, SUBSTITUTION


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> str:
    """A letter a step, from left to right: C(orrect), S(ubstitution), D(eletion) or I(nsertion), as sclite has them.

    sclite decides from the last cell backwards: a match or substitution where no other step is cheaper, else a deletion
    where it is cheaper than an insertion, else an insertion (see scripts/evaluate/alignment.py). By that rule equal
    ends are matches, as no cell is dearer than its neighbours by more than a step: they are taken off first.
    """
    rows, columns = len(reference), len(hypothesis)
    while rows and columns and reference[rows - 1] == hypothesis[columns - 1]:
        rows, columns = rows - 1, columns - 1
    costs = _costs(reference[:rows], hypothesis[:columns])
    steps = ["C" * (len(reference) - rows)]
    while rows and columns:
        differs = reference[rows - 1] != hypothesis[columns - 1]
        aligned = costs[rows - 1][columns - 1] + SUBSTITUTION * differs
        deleted = costs[rows - 1][columns] + DELETION
        inserted = costs[rows][columns - 1] + INSERTION
        if aligned <= deleted and aligned <= inserted:
            rows, columns = rows - 1, columns - 1
            steps.append("S" if differs else "C")
        elif deleted < inserted:
            rows -= 1
            steps.append("D")
        else:
            columns -= 1
            steps.append("I")
    steps += "D" * rows + "I" * columns  # one of them is used up
    return "".join(reversed(steps))


def _costs(reference: Sequence[str], hypothesis: Sequence[str]) -> list[list[int]]:
    """The least cost of aligning each prefix of the one with each of the other."""
    above = [INSERTION * column for column in range(len(hypothesis) + 1)]
    costs = [above]
    for character in reference:
        cost = above[0] + DELETION
        row = [cost]
        for other, diagonal, up in zip(hypothesis, above, above[1:], strict=False):
            if character == other:
                cost = diagonal  # no neighbour is cheaper by more than a step
            else:
                cost += INSERTION
                if up + DELETION < cost:
                    cost = up + DELETION
                if diagonal + SUBSTITUTION < cost:
                    cost = diagonal + SUBSTITUTION
            row.append(cost)
        costs.append(row)
        above = row
    return costs


def pairs(reference: Sequence[str], hypothesis: Sequence[str], steps: str) -> Iterator[tuple[str, str, str]]:
    """(step, character of the reference, of the hypothesis) from left to right; one of the two is "" where a character
    is missing or too many.
    """
    row = column = 0
    for step in steps:
        said = "" if step == "I" else reference[row]
        heard = "" if step == "D" else hypothesis[column]
        row, column = row + (step != "I"), column + (step != "D")
        yield step, said, heard


def marked(reference: Sequence[str], hypothesis: Sequence[str], steps: str, between: str = "") -> str:
    """For the eye: `今[天→]天气[好→妙]`. Errors that follow one another share a pair of brackets.

    `between`: what stands between two characters, or words.
    """
    texts = []
    row = column = 0
    for run in re.findall("C+|[SDI]+", steps):
        said = reference[row : row + len(run) - run.count("I")]
        heard = hypothesis[column : column + len(run) - run.count("D")]
        row, column = row + len(said), column + len(heard)
        one, other = between.join(said), between.join(heard)
        texts.append(one if run[0] == "C" else f"[{one}→{other}]")
    return between.join(texts)
