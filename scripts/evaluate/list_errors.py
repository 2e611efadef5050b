"""List what a branch has misheard: each utterance with its alignment, error rates by groups, and what was confused."""

import argparse
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

from scripts.common import files, tables
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.evaluate.error_rates import Tally, Utterance
from scripts.evaluate.error_tables import CONFUSION_COLUMNS, RATE_COLUMNS, UTTERANCE_COLUMNS
from scripts.evaluate.metrics import METRICS, Metric
from scripts.evaluate.operations import align, marked
from scripts.evaluate.score_cer import read_hypotheses


def read_training(data: Path, metric: Metric) -> Counter[str]:
    """How often each character, or word, occurs in the sentences that fine-tuning hears."""
    counts: Counter[str] = Counter()
    for transcript in read_hypotheses(data / "train" / "text").values():  # Kaldi text, too
        counts.update(metric.tokens(transcript))
    return counts


def aligned(table: Path, subset: str, text: Path, metric: Metric) -> Iterator[tuple[str, Utterance]]:
    """The utterances of a subset of utterances.tsv, in its order, with what is heard of them in a Kaldi text.

    Raises StepError where the two do not have the same utterances. The table is read line by line, and each hypothesis
    is forgotten once it is aligned: there may be a million of them.
    """
    hypotheses = read_hypotheses(text)
    for name, speaker, samples, transcript in references(table, subset):
        if name not in hypotheses:
            raise StepError(f"{text} lacks utterance {name} of {table}: transcribe again")
        tokens = [metric.tokens(side) for side in (transcript, hypotheses.pop(name))]
        reference, hypothesis = tokens if metric.between else map("".join, tokens)
        yield name, Utterance(speaker, samples, reference, hypothesis, align(reference, hypothesis))
    if hypotheses:
        raise StepError(
            f"{text} has utterance {min(hypotheses)}, which is not in {subset} of {table}: transcribe again"
        )


def references(table: Path, subset: str) -> Iterator[tuple[str, str, int, str]]:
    """Utterance, speaker, samples and transcript of a subset of utterances.tsv."""
    with table.open(encoding="utf-8", newline="\n") as lines:
        if next(lines, "").rstrip("\n").split("\t") != tables.UTTERANCE_COLUMNS:
            raise StepError(f"{table} is no table of utterances: remake it")
        for line in lines:
            utterance, speaker, of_subset, _, samples, transcript = line.rstrip("\n").split("\t")
            if of_subset == subset:
                yield utterance, speaker, int(samples), transcript


def row_of(name: str, utterance: Utterance, between: str) -> list[str]:
    """A row of UTTERANCE_COLUMNS. `between`: what stands between two characters, or words."""
    counts = utterance.counts
    numbers = [counts.length, counts.substitutions, counts.deletions, counts.insertions]
    sides, steps = (utterance.reference, utterance.hypothesis), utterance.steps
    return [
        name,
        utterance.speaker,
        f"{utterance.samples / SAMPLE_RATE:.2f}",
        *map(str, numbers),
        *map(between.join, sides),
        steps,
        marked(*sides, steps, between),
    ]


def list_subset(utterances: Iterable[tuple[str, Utterance]], path: Path, between: str = "") -> Tally:
    """Write a row an utterance, the one with the most errors first, and count. The rows wait on the disk to be sorted:
    those of a million utterances need not fit into the memory.
    """
    tally, errors, ends = Tally(), array("q"), array("q", [0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=path.parent) as unsorted, files.whole(path) as temporary, temporary.open("wb") as file:
        for name, utterance in utterances:
            tally.add(utterance)
            errors.append(utterance.counts.errors)
            ends.append(ends[-1] + unsorted.write(_line(row_of(name, utterance, between))))
        file.write(_line(UTTERANCE_COLUMNS))
        for number in sorted(range(len(errors)), key=lambda number: -errors[number]):
            unsorted.seek(ends[number])
            file.write(unsorted.read(ends[number + 1] - ends[number]))
    return tally


def write(path: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table row by row."""
    with files.whole(path) as temporary, temporary.open("wb") as file:
        file.writelines(map(_line, (columns, *rows)))


def _line(row: list[str]) -> bytes:
    return ("\t".join(row) + "\n").encode()


def main() -> None:
    """Parse the command line and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True, help="utterances.tsv with the references")
    parser.add_argument("--data", type=Path, required=True, help="what fine-tuning hears: a folder with train/text")
    parser.add_argument("--hypotheses", type=Path, nargs="+", required=True, help="Kaldi text, one a subset")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="tables of utterances, SUBSET.tsv each")
    parser.add_argument("--rates", type=Path, required=True, help="table of error rates by groups")
    parser.add_argument("--confusions", type=Path, required=True, help="table of what was heard for what")
    parser.add_argument("--metric", choices=sorted(METRICS), default="cer", help="what is counted and compared")
    arguments = parser.parse_args()
    metric = METRICS[arguments.metric]
    in_training = read_training(arguments.data, metric)
    tallies = {}
    for text, output in zip(arguments.hypotheses, arguments.outputs, strict=True):
        subset = output.stem
        tallies[subset] = list_subset(aligned(arguments.utterances, subset, text, metric), output, metric.between)
        print(f"{subset}: {tallies[subset].confusions.total()} errors, {len(tallies[subset].confusions)} different")
    rates = ([subset, *row] for subset, tally in tallies.items() for row in tally.rates(in_training))
    confused = ([subset, *row] for subset, tally in tallies.items() for row in tally.confused(metric.unit))
    write(arguments.rates, ["subset", *RATE_COLUMNS], rates)
    write(arguments.confusions, ["subset", *CONFUSION_COLUMNS], confused)


if __name__ == "__main__":
    exit_on_error(main)
