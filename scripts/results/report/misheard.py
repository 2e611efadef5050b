"""What is misheard, in sentences: what falls first along the milestones, and what is left."""

from collections.abc import Iterator, Mapping

import pandas as pd

from scripts.common.users import DEV
from scripts.evaluate.metrics import METRICS

COUNTS = ["characters", "substitutions", "deletions", "insertions"]
ROW = ["task", "model", "checkpoint", "row", "updates", "learning_rate"]
KINDS = {  # what is counted is a character or, by other metrics, a word or a token
    "deletion": "missing {unit}s",
    "insertion": "{unit}s too many",
    "homophone": "homophones",
    "tone": "other tones",
    "initial": "other initials",
    "final": "other finals",
    "syllable": "other syllables",
    "substitution": "other {unit}s",
}
GROUPS = {  # of the best row: from which to which group its error rate goes
    "speaker": ("by speaker", "{group}"),
    "speed": ("by speaking rate", "{group} {unit}s a second"),
    "length": ("by length", "{group} {unit}s"),
}
SMALL = 0.01  # of the characters: the share below which a group is not spoken of
NAMED = 3  # kinds of errors, at most


def misheard(table: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    """Sentences on each task, from rates.tsv: of the rows at the first learning rate, all seeds together."""
    for task, of_task in table.groupby("task", sort=False):
        rates = rates_of(of_task[of_task["learning_rate"] == of_task["learning_rate"].iloc[0]])
        unit = METRICS[of_task["metric"].iloc[0]].unit
        yield from _of_task(labels.get(task, task), rates, unit)


def rates_of(table: pd.DataFrame) -> pd.DataFrame:
    """By row, subset, `by` and `group`: `characters`, and `rate`, the errors in a hundred of them."""
    numbers = table.assign(**{name: pd.to_numeric(table[name]) for name in COUNTS})
    sums = numbers.groupby([*ROW, "subset", "by", "group"], sort=False)[COUNTS].sum().reset_index()
    sums = sums[sums["characters"] > 0]
    return sums.assign(rate=100 * sums[COUNTS[1:]].sum(axis=1) / sums["characters"])


def _of_task(task: str, rates: pd.DataFrame, unit: str) -> Iterator[str]:
    whole = rates[(rates["by"] == "all") & (rates["subset"] == DEV)]
    whole = whole.assign(place=pd.to_numeric(whole["updates"].replace("", None)))
    course = whole[whole["row"].str.contains("@")]
    best = whole.loc[(whole if course.empty else course)["rate"].idxmin()]
    course = course[course["model"] == best["model"]].sort_values("place", kind="stable")
    for subset in rates.loc[rates["subset"] != DEV, "subset"].unique():
        of_subset = rates[rates["subset"] == subset]
        if not course.empty and course["row"].iloc[0] != best["row"]:
            yield from _falls(task, subset, of_subset, list(course["row"]), best["row"], unit)
        else:
            yield f"On {task}, {best['row']} makes {_most(_kinds(of_subset, best['row']), subset, unit)}."
        yield from _left(of_subset[of_subset["row"] == best["row"]], unit)


def _kinds(rates: pd.DataFrame, row: str) -> pd.Series:
    """Errors of a row in a hundred characters, by kind."""
    found = rates[(rates["row"] == row) & (rates["by"] == "kind")].set_index("group")["rate"]
    return found.reindex(list(KINDS)).fillna(0.0)


def _most(kinds: pd.Series, subset: str, unit: str) -> str:
    """The most frequent kinds in words."""
    most = kinds.nlargest(NAMED)
    named = [f"{rate:.1f} {KINDS[kind].format(unit=unit)}" for kind, rate in most.items() if rate >= 0.05]
    return f"{kinds.sum():.1f} errors in a hundred {unit}s of {subset}" + (f" ({', '.join(named)})" if named else "")


def _falls(task: str, subset: str, rates: pd.DataFrame, course: list[str], best: str, unit: str) -> Iterator[str]:
    """From the first row of a course on."""
    words = {kind: name.format(unit=unit) for kind, name in KINDS.items()}
    kinds = {row: _kinds(rates, row) for row in dict.fromkeys([*course, best])}
    first = kinds[course[0]]
    yield f"On {task}, {course[0]} makes {_most(first, subset, unit)}."
    lower = next((row for row in course if kinds[row].sum() < first.sum()), None)
    if lower:
        kind = (first - kinds[lower]).idxmax()
        yield f"At {lower}, {words[kind]} fall first: from {first[kind]:.1f} to {kinds[lower][kind]:.1f}."
    yield f"What is left at {best}: {_most(kinds[best], subset, unit)}."
    risen = [kind for kind in KINDS if kinds[best][kind] >= first[kind] + 0.05]
    if risen:
        changes = ", ".join(f"{words[kind]} (from {first[kind]:.1f} to {kinds[best][kind]:.1f})" for kind in risen)
        yield f"More frequent than at {course[0]}: {changes}."


def _left(rates: pd.DataFrame, unit: str) -> Iterator[str]:
    """Between which groups the error rate of a row differs most."""
    known = rates[(rates["by"] == "frequency")].set_index("group")
    if "0" in known.index:
        unseen, others = known.loc["0"], known.drop("0")
        rest = (others["rate"] * others["characters"]).sum() / max(others["characters"].sum(), 1)
        yield (
            f"Of the {int(unseen['characters']):,} {unit}s said that the data of fine-tuning never has "
            f"{unseen['rate']:.1f} % are wrong or missing, of the others {rest:.1f} %."
        )
    spans = []
    for by, (words, name) in GROUPS.items():
        groups = rates[rates["by"] == by]
        groups = groups[groups["characters"] >= SMALL * groups["characters"].sum()]
        if len(groups) > 1:
            low, high = groups.loc[groups["rate"].idxmin()], groups.loc[groups["rate"].idxmax()]
            named = [f"{of['rate']:.1f} % ({name.format(group=of['group'], unit=unit)})" for of in (low, high)]
            spans.append(f"{words} from {' to '.join(named)}")
    if spans:
        yield f"The error rate of {rates['row'].iloc[0]} goes {', '.join(spans)}."
