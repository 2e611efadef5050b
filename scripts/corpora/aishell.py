"""Readers of AISHELL-1 and AISHELL-2 as they are distributed. They read lists and folders, no audio.

AISHELL-1 (Bu et al., 2017):  wav/{train,dev,test}/S0002/BAC009S0002W0122.wav
                              transcript/aishell_transcript_v0.8.txt     id SPACE words apart by SPACE
AISHELL-2 (Du et al., 2018):  wav/C0001/IC0001W0001.wav
                              wav.scp, trans.txt                         id TAB relative path, id TAB transcript
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.common import text
from scripts.common.errors import StepError

TRANSCRIPTS_OF_AISHELL1 = "transcript/aishell_transcript_v0.8.txt"


@dataclass(frozen=True)
class Entry:
    """One utterance as a corpus lists it; `path` is relative to its root; None and "" stand for what is missing."""

    utterance: str
    speaker: str
    subset: str
    path: str | None
    transcript: str | None
    problem: str = ""


def read_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    """(id, rest of the line, problem) of each line that is not blank; CRLF and a byte order mark are put up with."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise StepError(f"{path}: {error.strerror}; is this the corpus as distributed?") from error
    seen = set()
    for line in lines:
        key, _, rest = line.strip().replace(b"\t", b" ", 1).partition(b" ")
        if not key:
            continue
        utterance = key.decode("utf-8", "backslashreplace")
        try:
            value, problem = rest.decode("utf-8").strip(), ""
        except UnicodeDecodeError:
            value, problem = "", f"not UTF-8 in {path.name}"
        if utterance in seen:
            problem = f"listed twice in {path.name}"
        seen.add(utterance)
        yield utterance, value, problem


def read_aishell2(root: Path) -> Iterator[Entry]:
    """Every id of wav.scp and trans.txt and every other wav. The speaker is the wav's folder; all is for training."""
    transcripts, problems = {}, {}
    for utterance, value, problem in read_pairs(root / "trans.txt"):
        if problem:
            problems[utterance] = problem
        transcripts.setdefault(utterance, text.normalise(value))
    listed, paths = set(), set()
    for utterance, path, problem in read_pairs(root / "wav.scp"):
        listed.add(utterance)
        paths.add(path)
        speaker = Path(path).parent.name
        problem = problem or problems.get(utterance, "")
        yield Entry(utterance, speaker, "train", path or None, transcripts.get(utterance), problem)
    for utterance, transcript in transcripts.items():
        if utterance not in listed:
            yield Entry(utterance, "", "train", None, transcript, problems.get(utterance, ""))
    for wav in sorted((root / "wav").glob("*/*.wav")):
        if (path := wav.relative_to(root).as_posix()) not in paths:
            yield Entry(wav.stem, wav.parent.name, "train", path, None, "not listed in wav.scp")


def read_aishell1(root: Path) -> Iterator[Entry]:
    """Every id of the transcripts and every wav below wav/. The subset is the wav's folder."""
    found = sorted((root / "wav").glob("*/*/*.wav"))
    wavs = {path.stem: path for path in reversed(found)}  # of several with one id, the first
    others = [path for path in found if wavs[path.stem] != path]
    if not wavs and list((root / "wav").glob("*.tar.gz")):
        raise StepError(f"{root / 'wav'} holds archives: unpack each there with `tar -xzf`, then run again")
    for utterance, value, problem in read_pairs(root / TRANSCRIPTS_OF_AISHELL1):
        wav = wavs.pop(utterance, None)
        speaker = wav.parent.name if wav else utterance[6:11]
        subset = wav.parent.parent.name if wav else official_subset(speaker)
        path = wav.relative_to(root).as_posix() if wav else None
        yield Entry(utterance, speaker, subset, path, text.normalise(value), problem)
    for problem, paths in (("", wavs.values()), ("another wav has this id", others)):
        for wav in sorted(paths):
            relative = wav.relative_to(root).as_posix()
            yield Entry(wav.stem, wav.parent.name, wav.parent.parent.name, relative, None, problem)


def official_subset(speaker: str) -> str:
    """AISHELL-1's own division of speakers, for transcripts without wav: S0724-S0763 dev, S0764-S0916 test."""
    return "dev" if "S0724" <= speaker <= "S0763" else "test" if "S0764" <= speaker <= "S0916" else "train"


@dataclass(frozen=True)
class Format:
    """A layout in which corpora are distributed; its files and folders (a pattern) are relative to a corpus's root."""

    lists: tuple[str, ...]
    folders: str  # those that hold wavs
    read: Callable[[Path], Iterator[Entry]]


FORMATS = {
    "aishell1": Format((TRANSCRIPTS_OF_AISHELL1,), "wav/*/*", read_aishell1),
    "aishell2": Format(("wav.scp", "trans.txt"), "wav/*", read_aishell2),
}
