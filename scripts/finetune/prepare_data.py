"""Write what ESPnet trains from: wav.scp, text and shape files of train and dev, and the list of tokens.

Utterances that nothing can be learnt from, or that would end the training, are left out and listed. Transcribed and
scored are all of them.
"""

import argparse
import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd

from scripts.common import files, frames, provenance, sidecars, sources, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.common.tokens import BLANK, END, UNKNOWN, text_of, tokens_of
from scripts.finetune import identity, unusable
from scripts.finetune.data import OF_A_SUBSET, data_digest


def vocabulary(transcripts: pd.Series, word_boundary: bool) -> list[str]:
    """The tokens of the training transcripts, most frequent first, between ESPnet's special ones."""
    counts = Counter(token for transcript in transcripts for token in tokens_of(transcript, word_boundary))
    return [BLANK, UNKNOWN, *sorted(counts, key=lambda token: (-counts[token], token)), END]


def hours_of(utterances: pd.DataFrame, hours: float) -> pd.DataFrame:
    """A part of the utterances of so many hours: the same on each machine, and within every larger part.

    Utterances are taken in an order that does not depend on the hours, until the next one would be too much: always of
    the speaker of whom least was taken, each speaker's by a hash of their ids. Raises StepError where there are fewer.
    """
    limit = round(hours * 3600 * SAMPLE_RATE)
    if utterances["samples"].sum() < limit:
        there = utterances["samples"].sum() / SAMPLE_RATE / 3600
        raise StepError(f"train_hours is {hours:g}, but train has {there:.2f} h: set it lower, or leave it out")
    drawn = utterances.assign(draw=[hashlib.sha256(name.encode()).hexdigest() for name in utterances["utterance"]])
    drawn = drawn.sort_values("draw")
    before = drawn.groupby("speaker")["samples"].cumsum() - drawn["samples"]
    drawn = drawn.assign(before=before).sort_values(["before", "draw"])
    chosen = drawn[drawn["samples"].cumsum() <= limit]
    if chosen.empty:
        raise StepError(f"train_hours is {hours:g}, less than one utterance: set it higher")
    return utterances.loc[chosen.index.sort_values()]


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


def check_tests(utterances: pd.DataFrame, tests: list[str], path: Path) -> None:
    """Raise StepError for a test set that the corpus lacks: said now, and not once all is fine-tuned."""
    known = sorted(set(utterances["subset"]))
    for name in tests:
        if name not in known:
            raise StepError(f"{path} has no utterance of {name} (it has {', '.join(known)}): correct test of the task")


def usable_subsets(arguments: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """Utterances of train and dev that can be trained on; the others are written down. Raises StepError for none."""
    utterances = tables.read_utterances(arguments.utterances)
    check_tests(utterances, arguments.tests, arguments.utterances)
    framing = frames.Framing.of_ms(arguments.receptive_field_ms, arguments.stride_ms)
    needs = unusable.Needs(framing, arguments.mask_frames, arguments.word_boundary)
    usable, others = unusable.part(utterances[utterances["subset"].isin(["train", "dev"])], needs)
    subsets = {name: usable[usable["subset"] == name] for name in ("train", "dev")}
    for name, subset in subsets.items():
        if subset.empty:
            left_out = others[others["subset"] == name]
            raise StepError(
                f"{arguments.utterances} has no {'usable ' * (not left_out.empty)}utterance of {name}"
                + (f" ({left_out['reason'].iloc[0]})" if not left_out.empty else "")
                + ": fine-tuning needs train and dev"
            )
    tables.write_table(others, arguments.unusable, unusable.COLUMNS)
    return subsets


def main() -> None:
    """Parse the command line and write the data folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="where the corpus lies")
    parser.add_argument("--source", type=Path, required=True, help="--utterances, or the folder of converted audio")
    parser.add_argument("--train-hours", type=float, help="how much of train is used; all of it by default")
    parser.add_argument("--word-boundary", action="store_true", help="a space is a token")
    frames.add_options(parser)
    parser.add_argument("--tests", nargs="*", default=[], help="test sets: subsets that have to be there, too")
    parser.add_argument(
        "--output", type=Path, required=True, help="a folder: train/, dev/, tokens.txt; a sidecar .json beside it"
    )
    parser.add_argument("--unusable", type=Path, required=True, help="the table of those that are left out")
    arguments = parser.parse_args()

    subsets = usable_subsets(arguments)
    if arguments.train_hours:
        subsets["train"] = hours_of(subsets["train"], arguments.train_hours)
    tokens = vocabulary(subsets["train"]["transcript"], arguments.word_boundary)
    root = sources.root_of(arguments.source, arguments.root)
    for name, subset in subsets.items():
        for file, content in data_files(subset, root, len(tokens), arguments.word_boundary).items():
            files.write_text(arguments.output / name / file, content)
    files.write_text(arguments.output / "tokens.txt", "".join(f"{token}\n" for token in tokens))
    audio = sources.audio_of(arguments.source)
    made_of = (files.sha256(arguments.utterances), str(root), {name: audio.get(name) for name in subsets})
    settings = (arguments.train_hours, arguments.word_boundary, vars(arguments))
    made_from = identity.preparing(*made_of, *settings, code_digest(__spec__.name))
    facts = {"digest": data_digest(arguments.output)} | provenance.circumstances("corpora", "pandas")
    sidecars.write(arguments.output, made_from, (arguments.utterances, arguments.source), **facts)
    left_out = len(tables.read_table(arguments.unusable, unusable.COLUMNS))
    print(f"{len(tokens)} tokens, {len(subsets['train'])} utterances to train on, {len(subsets['dev'])} of dev")
    print(f"{left_out} are too short to be trained on: {arguments.unusable}")


if __name__ == "__main__":
    exit_on_error(main)
