"""Convert a corpus's audio once, for pre-training and fine-tuning: 16 kHz, mono, 16-bit wavs, one an utterance.

What a kill has left is taken up again. How audio is converted is said in scripts/corpora/conversion.py.
"""

import argparse
import hashlib
import itertools
import os
import shutil
import wave
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.common import audio, files, provenance, sidecars, tables
from scripts.common.bars import shown
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.corpora import identity
from scripts.corpora.conversion import convert, path_of
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry
from scripts.corpora.usable import examine

_HEADER_BYTES = 44  # of the wavs that are written here
Task = tuple[Entry, int]  # an utterance, and how many samples it was listed with


def recordings(root: Path, entries: Sequence[Entry], utterances: pd.DataFrame) -> list[list[Task]]:
    """The listed utterances by the recordings that they are pieces of, each in order of its start."""
    listed = dict(zip(utterances["utterance"], utterances["samples"], strict=True))
    found = defaultdict(list)
    for entry in entries:
        if entry.utterance in listed and entry.path and not entry.problem:
            found[entry.utterance].append(entry)
    if missing := listed.keys() - found.keys():
        raise StepError(f"{min(missing)} is not in the lists of this corpus any more: list it again")
    chosen = (usable_of(root, those) if those[1:] else those[0] for those in found.values())
    ordered = sorted(chosen, key=lambda entry: (entry.path, entry.span or (0.0, 0.0)))
    groups = itertools.groupby(ordered, key=lambda entry: entry.path)
    return [[(entry, listed[entry.utterance]) for entry in group] for _, group in groups]


def usable_of(root: Path, entries: Sequence[Entry]) -> Entry:
    """Of several entries with one id the one that was listed: the first that can be used."""
    usable = (entry for entry in entries if not examine(root, [entry], converts=True, excluded=())[0].reason)
    return next(usable, entries[0])


def convert_recording(root: Path, output: Path, tasks: list[Task]) -> list[tuple[str, str]]:
    """(utterance, sha256) of each wav that was made from a recording, or was there already."""
    todo = [(entry, samples) for entry, samples in tasks if not is_made(output / path_of(entry.utterance), samples)]
    if todo:
        source = root / todo[0][0].path
        try:
            for (entry, samples), pcm in zip(todo, convert(source, [entry.span for entry, _ in todo]), strict=True):
                if len(pcm) != samples:
                    raise audio.UnusableAudio(f"{len(pcm)} samples of {entry.utterance} instead of {samples}")
                write_wav(output / path_of(entry.utterance), pcm.astype("<i2").tobytes())
        except audio.UnusableAudio as reason:
            raise StepError(f"{source}: {reason}; it was usable when the corpus was listed: restore it") from reason
    return [(entry.utterance, files.sha256(output / path_of(entry.utterance))) for entry, _ in tasks]


def is_made(path: Path, samples: int) -> bool:
    """Whether a wav was written to its end, by its size: a power cut may leave an empty file of its name."""
    return path.exists() and path.stat().st_size == _HEADER_BYTES + 2 * samples


def write_wav(path: Path, pcm: bytes) -> None:
    """A wav is there whole or not at all; it is not forced onto the disk, as there are a million of them."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with wave.open(str(temporary), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(pcm)
    os.replace(temporary, path)


def in_turn(root: Path, output: Path, groups: list[list[Task]], threads: int) -> Iterator[tuple[str, str]]:
    """Convert recordings in several processes, and show how far it is."""
    with ProcessPoolExecutor(threads) as pool:
        made = pool.map(partial(convert_recording, root, output), groups, chunksize=8)
        yield from itertools.chain.from_iterable(shown(made, len(groups), " recordings"))


def unfinished(output: Path, made_from: dict[str, Any]) -> Path:
    """The folder in which wavs are made: an earlier one, if it was to become the same."""
    folder = output.with_name(f"{output.name}.unfinished")
    note = folder / "made-from.json"
    if folder.exists() and not (note.exists() and files.read_json(note) == made_from):
        shutil.rmtree(folder)
    files.write_json(note, made_from)
    return folder


def digests(utterances: pd.DataFrame, sha256: dict[str, str]) -> dict[str, str]:
    """Of each subset a digest of the audio in it."""
    found = {}
    for subset, names in utterances.groupby("subset")["utterance"]:
        lines = "".join(f"{name}\t{sha256[name]}\n" for name in sorted(names))
        found[subset] = hashlib.sha256(lines.encode()).hexdigest()[:12]
    return found


def main() -> None:
    """Parse the command line and fill the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--root", type=Path, required=True, help="where the corpus lies")
    parser.add_argument("--utterances", type=Path, required=True, help="its list, made with --convert")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--output", type=Path, required=True, help="the folder; a sidecar .json goes beside it")
    arguments = parser.parse_args()

    utterances = tables.read_utterances(arguments.utterances)
    facts = files.read_json(sidecars.path_of(arguments.utterances))
    heard = {subset: digests["heard"] for subset, digests in facts["subsets"].items()}
    made_from = identity.converting(heard, facts["audio"], code_digest(__spec__.name))
    groups = recordings(arguments.root, list(FORMATS[arguments.format].read(arguments.root)), utterances)
    folder = unfinished(arguments.output, made_from)
    sha256 = dict(in_turn(arguments.root, folder, groups, arguments.threads))
    (folder / "made-from.json").unlink()
    if arguments.output.exists():
        shutil.rmtree(arguments.output)
    os.replace(folder, arguments.output)
    circumstances = provenance.circumstances("corpora", "soundfile", "soxr")
    made = {"audio": digests(utterances, sha256)} | circumstances
    sidecars.write(arguments.output, made_from, (arguments.utterances,), **made)
    print(f"{len(sha256)} wavs in {arguments.output}")


if __name__ == "__main__":
    exit_on_error(main)
