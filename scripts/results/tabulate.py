"""Gather all scores: cer.tsv with a row a score, cer.md in the shape of the published table."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pandas as pd

from scripts.common.errors import StepError, exit_on_error
from scripts.common.files import read_json, write_text
from scripts.common.tables import read_table
from scripts.common.users import DEV, SUBSETS
from scripts.evaluate.metrics import METRICS
from scripts.results import columns
from scripts.results.caption import caption
from scripts.results.comparisons import Certain, certain
from scripts.results.labels import Checkpoint, checkpoint_of, in_words, row_labels
from scripts.results.scores import COUNTS, Score, read_scores, subsets_of

CER_COLUMNS = ["task", "model", "checkpoint", "row", "updates", "learning_rate", "seed", "subset", *COUNTS, "cer"]
CER_COLUMNS += columns.NAMES
MIXED = "MER: of scripts that are written without spaces each character counts, of all others each word."
PUBLISHED_COLUMNS = ["row", *SUBSETS, "corpus", "note"]
NOTHING_PUBLISHED = pd.DataFrame(columns=PUBLISHED_COLUMNS)


def long_table(
    scores: list[Score], rows: Mapping[Checkpoint, str], further: Callable[[Score], Mapping[str, Any]] = lambda _: {}
) -> str:
    """cer.tsv: the scores in their order, `updates` empty for a given checkpoint, `cer` a fraction. `further`: the
    values of scripts.results.columns, each of which is empty where it says nothing.
    """
    lines = [CER_COLUMNS]
    for score in scores:
        known = vars(score.branch) | vars(score) | {"row": rows[checkpoint_of(score)], "cer": score.cer}
        known = dict.fromkeys(columns.NAMES) | known | further(score)
        lines.append(["" if known[column] is None else str(known[column]) for column in CER_COLUMNS])
    return "".join("\t".join(line) + "\n" for line in lines)


def markdown(
    scores: list[Score],
    rows: Mapping[Checkpoint, str],
    labels: Mapping[str, str],
    published: Mapping[str, pd.DataFrame],
    found: Certain | None = None,
) -> str:
    """cer.md: a table a task with its own rows, then the published ones, then what the reader must know, and, where it
    was `found`, how certain that is.
    """
    tables = []
    for task, of_task in _group(scores, lambda score: score.branch.task).items():
        subsets = subsets_of(of_task)
        words = [f"{subset} WER" for subset in subsets] if has_words(of_task) else []
        others = published.get(task, NOTHING_PUBLISHED)
        lines = [_line(labels.get(task, task), *heads_of(of_task), *words)]
        lines.append(_line("---", *["---:"] * len(subsets + words)))
        lines += own_rows(of_task, rows)
        for _, row in others.iterrows():
            lines.append(_line(f"published: {row['row']}", *(row[subset] for subset in subsets), *("" for _ in words)))
        tables.append("\n".join(lines) + "\n\n" + "\n".join(notes(of_task, "\n".join(lines), others)) + "\n")
        below = caption(of_task, rows, found) if found else ""
        tables[-1] += f"\n{below}" if below else ""
    return "\n".join(tables)


def heads_of(scores: list[Score]) -> list[str]:
    """The heads of the columns of a task: its subsets, with what was counted where that is not characters."""
    metric = scores[0].metric
    return [subset + f" {METRICS[metric].name}" * (metric != "cer") for subset in subsets_of(scores)]


def has_words(scores: list[Score]) -> bool:
    """Whether word errors were counted beside; those of a task are counted alike."""
    return all(score.wer is not None for score in scores)


def own_rows(scores: list[Score], rows: Mapping[Checkpoint, str]) -> list[str]:
    """One line a checkpoint and learning rate; a cell has the mean over seeds, and ± their standard deviation."""
    several_rates, subsets = len({score.branch.learning_rate for score in scores}) > 1, subsets_of(scores)
    lines = []
    for (checkpoint, rate), of_row in _group(scores, lambda s: (checkpoint_of(s), s.branch.learning_rate)).items():
        cells = [cell([score.cer for score in of_row if score.subset == subset]) for subset in subsets]
        if has_words(scores):
            cells += [cell([score.wer for score in of_row if score.subset == subset]) for subset in subsets]
        lines.append(_line(rows[checkpoint] + (f", lr {rate}" if several_rates else ""), *cells))
    if len({line.split(" | ")[0] for line in lines}) < len(lines):
        raise StepError(f"two rows of {scores[0].branch.task} have the same name: give each model a label of its own")
    return lines


def cell(rates: list[float]) -> str:
    """Error rates in percent with one decimal, as published; sample standard deviation where there are several."""
    percent = [100 * rate for rate in rates]
    return f"{mean(percent):.1f}" + (f" ± {stdev(percent):.1f}" if len(percent) > 1 else "")


def notes(scores: list[Score], table: str, published: pd.DataFrame) -> list[str]:
    """List items under a table: on what it was measured, and what its marks mean."""
    utterances = {score.subset: score.utterances for score in scores}
    seeds = [
        len(group) for group in _group(scores, lambda s: (checkpoint_of(s), s.branch.learning_rate, s.subset)).values()
    ]
    fewest, most = min(seeds), max(seeds)
    counted = str(most) if fewest == most else f"{fewest} to {most}"
    size = in_words(f"{utterances[subset]:,} utterances of {subset}" for subset in subsets_of(scores))
    shown = "one seed" if most == 1 else f"mean ± sample standard deviation over {counted} seeds"
    lines = [f"- {METRICS[scores[0].metric].title.capitalize()} in percent on {size}; {shown}."]
    if scores[0].metric == "mer":
        lines.append(f"- {MIXED}")
    if has_words(scores):
        lines.append("- WER: the word error rate in percent of the words, which stand between spaces.")
    if "* |" in table:
        lines.append("- `*`: the checkpoint with the lowest validation loss of pre-training.")
    if not published.empty:
        sources = "; ".join(dict.fromkeys(note for note in published["note"] if note))
        corpora = ", ".join(dict.fromkeys(published["corpus"]))
        lines.append(f"- `published:` as reported for the whole of {corpora}, not measured here. {sources}.")
    return lines


def read_published(path: Path, scores: list[Score]) -> pd.DataFrame:
    """Rows of the literature, by PUBLISHED_COLUMNS, with other test sets for test; empty for those of the task that the
    file lacks. Raises StepError for a file with other columns.
    """
    head = path.read_text(encoding="utf-8").partition("\n")[0].split("\t") if path.is_file() else []
    tests = [name for name in head if name.startswith("test")] or SUBSETS[1:]
    table = read_table(path, ["row", DEV, *tests, "corpus", "note"])
    return table.reindex(columns=["row", *(subsets_of(scores) or SUBSETS), "corpus", "note"], fill_value="")


def check_traced(paths: Iterable[Path], provenance: Mapping[str, Any]) -> None:
    """Raise StepError for a score that is not the one that was traced: no table is made before its trace."""
    for path in paths:
        score, traced = read_json(path), provenance["parts"].get(path.as_posix(), {})
        if any(score.get(key) != traced.get(key) for key in ("cer", "made_from")):
            raise StepError(f"{path} is another score than provenance.json speaks of: start again")


def origin(provenance: Mapping[str, Any]) -> str:
    """The last line: which experiment this is."""
    commit, *dirty = provenance["git_commit"].split("-")
    commit = "-".join([commit[:12], *dirty])
    name = provenance["experiment"]
    return f"Experiment `{name}`, commit `{commit}`; provenance.json says what each number was made from.\n"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _group(scores: Iterable[Score], key: Callable[[Score], Any]) -> dict[Any, list[Score]]:
    groups: dict[Any, list[Score]] = {}
    for score in scores:
        groups.setdefault(key(score), []).append(score)
    return groups


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="JSON of score_cer, in the order of rows")
    parser.add_argument("--best", type=Path, nargs="*", default=[], help="scores of best checkpoints, for their rows")
    parser.add_argument("--label", type=_pair, nargs="*", default=[], help="NAME=LABEL: how to call a task or a model")
    parser.add_argument("--published", type=_pair, nargs="*", default=[], help="TASK=FILE: rows to add below")
    parser.add_argument(
        "--utterances", type=_pair, nargs="*", default=[], help="TASK=utterances.tsv with its references: for intervals"
    )
    parser.add_argument("--provenance", type=Path, help="provenance.json: names the experiment below the table")
    parser.add_argument("--tsv", type=Path, required=True, help="table with a row a score")
    parser.add_argument("--markdown", type=Path, required=True, help="table as published")
    arguments = parser.parse_args()
    labels = dict(arguments.label)
    scores = read_scores(arguments.scores, arguments.best)
    rows = row_labels(scores, labels)
    of_task = _group(scores, lambda score: score.branch.task)
    published = {task: read_published(Path(path), of_task.get(task, [])) for task, path in arguments.published}
    found = certain(scores, rows, {task: Path(path) for task, path in arguments.utterances})
    for _, sentence in found.lacking:
        print(f"no interval and no test: {sentence}")
    table = markdown(scores, rows, labels, published, found)
    further = columns.Further(scores, rows, labels, published, found)
    if arguments.provenance:
        provenance = read_json(arguments.provenance)
        check_traced([*arguments.scores, *arguments.best], provenance)
        table += "\n" + origin(provenance)
    write_text(arguments.tsv, long_table(scores, rows, further.of))
    write_text(arguments.markdown, table)


if __name__ == "__main__":
    exit_on_error(main)
