"""An AISHELL-2 of any size: sentences spliced from real ones, planted repeats of held-out ones, and sparse wavs."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.common.audio import plain_header

PER_SPEAKER = 507  # AISHELL-2: 1,991 speakers, about 1,009,000 utterances
KINDS = ("same", "marked", "exchanged", "more", "less", "contained")


def sentences_of(lists: Sequence[Path]) -> list[str]:
    """The sentences of lists `id text` or `text`, without spaces."""
    lines = [line for path in lists for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.partition(" ")[2].replace(" ", "") or line.strip() for line in lines]


def planted(sentence: str, kind: str, draw: random.Random) -> str:
    """A sentence that says what a held-out one says, or nearly."""
    place = draw.randrange(len(sentence))
    before, behind = sentence[:place], sentence[place + 1 :]
    return {
        "same": sentence,
        "marked": f"{before}\u200d{sentence[place]}\ufe0f{behind}\u200f",
        "exchanged": f"{before}囍{behind}",
        "more": f"{before}囍{sentence[place]}{behind}",
        "less": before + behind,
        "contained": f"我说{sentence}对吧",
    }[kind]


def spoken(
    count: int, sentences: Sequence[str], heldout: Sequence[str], plants: int, draw: random.Random
) -> Iterator[tuple[str, str]]:
    """(kind of what is planted or "", transcript) of each utterance."""
    places = draw.sample(range(count), min(plants, count)) if heldout else []
    kinds = dict(zip(places, KINDS * (1 + plants // len(KINDS)), strict=False))
    for number in range(count):
        kind = kinds.get(number, "")
        if kind:
            yield kind, planted(draw.choice(heldout), kind, draw)
        else:
            one, other = draw.choice(sentences), draw.choice(sentences)
            yield "", one[: draw.randint(3, 12)] + other[-draw.randint(2, 10) :]


def make(
    root: Path,
    count: int,
    sentences: Sequence[str],
    heldout: Sequence[str] = (),
    plants: int = 0,
    seconds: float | None = None,
) -> None:
    """Write the corpus; planted.json says the kind of each utterance that is planted.

    `seconds`: of every wav; without, they are as long as in AISHELL-2 (3.6 s on average) and take a page of the disk
    each, as nothing but the header is written.
    """
    draw, found, scp, trans = random.Random(1), {}, [], []
    for number, (kind, transcript) in enumerate(spoken(count, sentences, heldout, plants, draw)):
        speaker = f"C{number // PER_SPEAKER:04d}"
        utterance = f"I{speaker}W{number % PER_SPEAKER:04d}"
        path = root / "wav" / speaker / f"{utterance}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = int(16_000 * seconds if seconds else min(max(4_800, draw.lognormvariate(10.85, 0.4)), 336_000))
        with path.open("wb") as file:
            file.write(plain_header(samples))
            file.write(draw.randbytes(2 * samples) if seconds else b"")
            file.truncate(44 + 2 * samples)
        scp.append(f"{utterance}\twav/{speaker}/{utterance}.wav\n")
        trans.append(f"{utterance}\t{transcript}\n")
        if kind:
            found[utterance] = kind
    (root / "wav.scp").write_text("".join(scp), encoding="utf-8")
    (root / "trans.txt").write_text("".join(trans), encoding="utf-8")
    (root / "planted.json").write_text(json.dumps(found), encoding="utf-8")
