"""Transcribe audio files with an exported model.

    python -m scripts.transcribe talk.mp3 --format srt --output subtitles
    python -m scripts.transcribe recordings/ --model runs/paper/results/export/best --format kaldi

Files of any length and format that libsndfile or, where it is installed, ffmpeg reads; folders; - for standard input.
A file that cannot be read, or that was cut off, costs a line and the exit code 1; the others are done.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from scripts.common import files
from scripts.common.ahead import in_threads
from scripts.common.audio import UnusableAudio
from scripts.common.bars import shown
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.transcribe import heard, pieces, sound
from scripts.transcribe.heard import Heard, Said
from scripts.transcribe.inputs import Input, inputs_of
from scripts.transcribe.recogniser import MODEL, Recogniser

EXPORTS = ("results/export/*", "runs/*/results/export/*")


class Part(NamedTuple):
    """A piece of a file, to be heard, or, where there is none, its end: its length in seconds, or why it has none, and
    what is missing of it.
    """

    one: Input
    piece: pieces.Piece | None = None
    seconds: float = 0.0
    reason: str | None = None
    lacks: str | None = None


def only_model() -> Path:
    """The one recogniser that has been exported here. Raises StepError where there are several, or none."""
    found = sorted(model.parent for pattern in EXPORTS for model in Path().glob(f"{pattern}/{MODEL}"))
    if len(found) == 1:
        return found[0]
    if found:
        raise StepError(f"there are several models ({', '.join(map(str, found))}): choose one with --model")
    raise StepError(f"no model lies in {' or '.join(EXPORTS)}: name one with --model (docs/export.md makes one)")


def parts_of(inputs: Iterable[Input]) -> Iterator[Part]:
    """All files, one after another, in pieces."""
    for one in inputs:
        samples = 0

        def counted(blocks: Iterable[sound.Samples]) -> Iterator[sound.Samples]:
            nonlocal samples
            for block in blocks:
                samples += len(block)
                yield block

        try:
            with sound.at_hand(one.path) as path:
                yield from (Part(one, piece) for piece in pieces.pieces_of(counted(sound.stream(path)), pieces.silero))
                lacks = sound.lacks(path)
            yield Part(one, None, samples / SAMPLE_RATE, None if samples else "no samples", lacks)
        except (UnusableAudio, OSError) as error:
            yield Part(one, reason=str(error))


def said_in(model: Recogniser, part: Part) -> tuple[Part, Said | None]:
    """What the model hears in a piece."""
    if part.piece is None:
        return part, None
    start = part.piece.start / SAMPLE_RATE
    tokens = [token.later(start) for token in model.hear(part.piece.samples)]
    return part, Said(start, start + len(part.piece.samples) / SAMPLE_RATE, tokens)


def transcribe(model: Recogniser, inputs: list[Input], out: "Output", threads: int) -> bool:
    """Whether every file could be read. Pieces of several files are heard at once; files end in their order."""
    is_whole, current = True, Heard("")
    for part, said in shown(in_threads(threads, partial(said_in, model), parts_of(inputs)), None, " pieces"):
        current.name = str(part.one.name)
        if said:
            current.pieces.append(said)
            out.piece(said)
            continue
        if part.reason or part.lacks:
            is_whole = False
            print(f"{part.one.path}: {part.reason or part.lacks}", file=sys.stderr, flush=True)
        if not part.reason:
            current.seconds = part.seconds
            out.file(current)
        current = Heard("")
    return is_whole


class Output:
    """Where what was heard goes: a file of its own for each, or standard output, where the text of a single file
    appears piece by piece.
    """

    def __init__(self, form: heard.Format, folder: Path | None, is_single: bool) -> None:
        self.form, self.folder = form, folder
        self.is_live = form == "text" and is_single and folder is None
        self.names_files = form == "text" and not is_single and folder is None

    def piece(self, said: Said) -> None:
        """What one piece says."""
        if self.is_live and said.text:
            print(said.text, flush=True)

    def file(self, one: Heard) -> None:
        """All that a file says."""
        if self.folder is not None:
            files.write_text(self.folder / f"{one.name}.{heard.ENDING[self.form]}", heard.written(one, self.form))
        elif self.names_files:
            print(f"{one.name}\t{one.text}", flush=True)
        elif not self.is_live:
            print(heard.written(one, self.form), end="", flush=True)


def given(name: str) -> Path:
    """A path of the command line; an empty one would be the folder that one is in."""
    if not name:
        raise argparse.ArgumentTypeError("a name is empty (a variable that is not set?)")
    return Path(name)


def make_folder(path: Path) -> None:
    """Before anything is heard. Raises StepError where files cannot be written to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StepError(f"--output {path} cannot be made ({error.strerror}): name a folder") from None


def main() -> None:
    """Parse the command line and transcribe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="FILE", type=given, nargs="+", help="audio, a folder of it, or -")
    parser.add_argument("--model", type=Path, metavar="DIR", help="results/export/NAME (the only one there is)")
    parser.add_argument("--format", choices=list(heard.ENDING), default="text", help="(text)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="a file for each there, instead of the screen")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="(as many as cores)")
    arguments = parser.parse_args()
    inputs = inputs_of(arguments.files)
    if not inputs:
        raise StepError(f"no audio in {', '.join(map(str, arguments.files))}")
    if len(inputs) > 1 and arguments.format in ("srt", "vtt") and arguments.output is None:
        raise StepError(f"subtitles of {len(inputs)} files need a folder each can be written to: --output DIR")
    if arguments.output:
        make_folder(arguments.output)
    out = Output(arguments.format, arguments.output, len(inputs) == 1)
    if not transcribe(Recogniser(arguments.model or only_model()), inputs, out, max(1, arguments.threads)):
        sys.exit(1)


def alone() -> None:
    """Call main as a program. What libraries write to standard error themselves (libmpg123's notes) is for nobody."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(nowhere, 2)
    try:
        exit_on_error(main)
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(nowhere, 1)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    alone()
