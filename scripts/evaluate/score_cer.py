"""Score the transcripts of one subset: character, word and mixed error rate, and what they are made of."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.evaluate import identity
from scripts.evaluate.alignment import ErrorCounts, count_errors
from scripts.evaluate.metrics import METRICS


def read_hypotheses(path: Path) -> dict[str, str]:
    """Transcripts by utterance from Kaldi text: `id SPACE characters` a line, an empty transcript is the id alone.

    Raises StepError for a line without an id and for an utterance that is there twice.
    """
    transcripts: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            utterance, _, transcript = line.rstrip("\r\n").partition(" ")
            if not utterance:
                raise StepError(f"{path}, line {number}, has no utterance id: transcribe again")
            if utterance in transcripts:
                raise StepError(f"{path} has utterance {utterance} twice: transcribe again")
            transcripts[utterance] = transcript
    return transcripts


def has_words(path: Path) -> bool:
    """Whether the model of these hypotheses knows a word boundary, by their sidecar."""
    return sidecars.read(path).get("word_boundary", False)


def references_of(utterances: pd.DataFrame, subset: str, path: Path) -> dict[str, str]:
    """Transcripts by utterance of one subset. Raises StepError where the subset has no utterance; `path` is named."""
    rows = utterances[utterances["subset"] == subset]
    if rows.empty:
        known = ", ".join(sorted(set(utterances["subset"]))) or "none"
        raise StepError(f"{path} has no utterance of subset {subset} (its subsets: {known}): correct --subset")
    return dict(zip(rows["utterance"], rows["transcript"], strict=True))


def check_pairs(references: Mapping[str, str], hypotheses: Mapping[str, str], path: Path) -> None:
    """Raise StepError unless both have the same utterances; `path` is the file of the hypotheses."""
    if missing := sorted(references.keys() - hypotheses.keys()):
        raise StepError(f"{path} lacks utterance {missing[0]} ({len(missing)} in all): transcribe again")
    if unknown := sorted(hypotheses.keys() - references.keys()):
        raise StepError(
            f"{path} has utterance {unknown[0]}, which is not in the subset ({len(unknown)} in all): transcribe again"
        )


def score(
    references: Mapping[str, str], hypotheses: Mapping[str, str], units: Callable[[str], list[str]]
) -> ErrorCounts:
    """Errors over all utterances of `references`. `units`: takes a transcript apart into what is counted."""
    pairs = ((units(text), units(hypotheses[utterance])) for utterance, text in references.items())
    return sum((count_errors(reference, hypothesis) for reference, hypothesis in pairs), ErrorCounts())


def report(counts: ErrorCounts, utterances: int) -> dict[str, int | float]:
    """What the JSON holds; `cer` is errors / characters, a fraction that insertions can push over 1."""
    return {
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "characters": counts.length,
        "utterances": utterances,
        "cer": counts.errors / counts.length,
    }


def report_of_words(counts: ErrorCounts, metric: str = "wer") -> dict[str, int | float]:
    """What it holds beside that where transcripts have words, or the table shows a metric that counts them."""
    unit = METRICS[metric].unit
    return {
        f"{unit}_substitutions": counts.substitutions,
        f"{unit}_deletions": counts.deletions,
        f"{unit}_insertions": counts.insertions,
        f"{unit}s": counts.length,
        metric: counts.errors / counts.length,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True, help="utterances.tsv with the references")
    parser.add_argument("--subset", required=True, help="which of its subsets was transcribed")
    parser.add_argument("--hypotheses", type=Path, required=True, help="Kaldi text; its sidecar says if it has words")
    parser.add_argument("--output", type=Path, required=True, help="JSON with counts, cer and what it was made from")
    parser.add_argument("--metric", choices=sorted(METRICS), default="cer", help="what the table is to show, too")
    arguments = parser.parse_args()
    utterances = tables.read_utterances(arguments.utterances)
    references = references_of(utterances, arguments.subset, arguments.utterances)
    hypotheses = read_hypotheses(arguments.hypotheses)
    check_pairs(references, hypotheses, arguments.hypotheses)
    counts = score(references, hypotheses, METRICS["cer"].tokens)
    if counts.length == 0:
        raise StepError(f"{arguments.utterances}: subset {arguments.subset} has only empty transcripts: list it again")
    word_boundary = has_words(arguments.hypotheses)
    made_from = identity.score(
        arguments.subset,
        files.sha256(arguments.hypotheses),
        tables.digests_of(utterances[utterances["subset"] == arguments.subset])["said"],
        word_boundary,
        code_digest(__spec__.name),
        arguments.metric,
    )
    above = (arguments.hypotheses, arguments.utterances)
    facts: dict[str, Any] = report(counts, len(references)) | provenance.circumstances("results", "pandas")
    asked = [arguments.metric] if arguments.metric != "cer" else []
    for metric in dict.fromkeys(["wer"] * word_boundary + asked):
        facts |= report_of_words(score(references, hypotheses, METRICS[metric].tokens), metric)
    if asked:
        facts["metric"] = arguments.metric
    files.write_json(arguments.output, sidecars.card(made_from, above, **facts))


if __name__ == "__main__":
    exit_on_error(main)
