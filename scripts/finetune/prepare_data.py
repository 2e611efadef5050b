"""Write what ESPnet trains from: wav.scp, text and shape files of train and dev, and the list of tokens."""

import argparse
from collections import Counter
from pathlib import Path

import pandas as pd

from scripts.common import files, provenance, sidecars, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.tokens import BLANK, END, UNKNOWN, text_of, tokens_of
from scripts.finetune import identity
from scripts.finetune.data import OF_A_SUBSET, data_digest


def vocabulary(transcripts: pd.Series, word_boundary: bool) -> list[str]:
    """The tokens of the training transcripts, most frequent first, between ESPnet's special ones."""
    counts = Counter(token for transcript in transcripts for token in tokens_of(transcript, word_boundary))
    return [BLANK, UNKNOWN, *sorted(counts, key=lambda token: (-counts[token], token)), END]


def data_files(utterances: pd.DataFrame, root: Path, known: int, word_boundary: bool) -> dict[str, str]:
    """File name -> content, a line an utterance, in ESPnet's (Kaldi's) formats. `known`: how many tokens there are.

    The shapes are what ESPnet's collect-stats pass would find: samples, and `tokens,known`.
    """
    lines: dict[str, list[str]] = {name: [] for name in OF_A_SUBSET}
    for row in utterances.itertuples():
        tokens = tokens_of(row.transcript, word_boundary)
        lines["wav.scp"].append(f"{row.utterance} {(root / row.path).resolve()}\n")
        lines["text"].append(f"{row.utterance} {text_of(tokens)}\n")
        lines["speech_shape"].append(f"{row.utterance} {row.samples}\n")
        lines["text_shape.char"].append(f"{row.utterance} {len(tokens)},{known}\n")
    return {name: "".join(content) for name, content in lines.items()}


def main() -> None:
    """Parse the command line and write the data folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="the corpus as distributed")
    parser.add_argument("--word-boundary", choices=["yes", "no"], default="no", help="whether a space is a token")
    parser.add_argument(
        "--output", type=Path, required=True, help="a folder: train/, dev/, tokens.txt; a sidecar .json beside it"
    )
    arguments = parser.parse_args()

    utterances = tables.read_utterances(arguments.utterances)
    subsets = {name: utterances[utterances["subset"] == name] for name in ("train", "dev")}
    for name, subset in subsets.items():
        if subset.empty:
            raise StepError(f"{arguments.utterances} has no utterance of {name}: fine-tuning needs train and dev")
    word_boundary = arguments.word_boundary == "yes"
    tokens = vocabulary(subsets["train"]["transcript"], word_boundary)
    for name, subset in subsets.items():
        for file, content in data_files(subset, arguments.root, len(tokens), word_boundary).items():
            files.write_text(arguments.output / name / file, content)
    files.write_text(arguments.output / "tokens.txt", "".join(f"{token}\n" for token in tokens))
    sha256 = files.sha256(arguments.utterances)
    made_from = identity.preparing(sha256, str(arguments.root), word_boundary, code_digest(__spec__.name))
    facts = {"digest": data_digest(arguments.output)} | provenance.circumstances("corpora", "pandas")
    sidecars.write(arguments.output, made_from, (arguments.utterances,), **facts)
    print(f"{len(tokens)} tokens, {len(subsets['train'])} utterances to train on, {len(subsets['dev'])} of dev")


if __name__ == "__main__":
    exit_on_error(main)
