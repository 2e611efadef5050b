"""Concatenate consecutive utterances into longer wavs, packed into one uncompressed zip archive a shard.

wav2vec 2.0 learns from crops of about 15 s; AISHELL-2's utterances are 3.6 s long on average, so the published run
joined six. fairseq reads `archive.zip:offset:length` without unpacking, which spares a network file system 160,000
small files.
"""

import argparse
import hashlib
import io
import struct
import wave
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from scripts.common import audio, files, provenance, sidecars, sources, tables
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.common.rates import SAMPLE_RATE
from scripts.corpora import identity

_LOCAL_HEADER_BYTES = 30  # of a zip entry, before its name and extra field (PKWARE APPNOTE 4.3.7)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed date: the same audio gives the same bytes


def groups_of(rows: Sequence[int], utterances_per_file: int, shard: int, shards: int) -> list[range]:
    """The groups of consecutive row numbers that a shard packs. `rows`: how many each corpus has, in order.

    No group spans two corpora; the last of each may be shorter. The shards' groups, one shard after the other, are all
    groups in order.
    """
    groups, first = [], 0
    for count in rows:
        end = first + count
        groups += [
            range(start, min(start + utterances_per_file, end)) for start in range(first, end, utterances_per_file)
        ]
        first = end
    return groups[shard * len(groups) // shards : (shard + 1) * len(groups) // shards]


def wav_of(root: Path, utterances: pd.DataFrame) -> bytes:
    """One 16 kHz mono 16-bit wav with the samples of all utterances, in order. `root`: where their corpus lies."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for path, samples in zip(utterances["path"], utterances["samples"], strict=True):
            file.writeframes(audio.read_pcm(root / path, samples))
    return buffer.getvalue()


def pack(archive: Path, wavs: Iterator[tuple[str, bytes]]) -> list[tuple[int, int, str]]:
    """Write named wavs into an uncompressed zip; of each one's data: offset, length in bytes, sha256."""
    digests = []
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, data in wavs:
            digests.append(hashlib.sha256(data).hexdigest())
            file.writestr(zipfile.ZipInfo(name, _EPOCH), data)
        entries = file.infolist()
    with archive.open("rb") as file:
        offsets = [data_offset(file, entry.header_offset) for entry in entries]
    return [(at, entry.file_size, sha256) for at, entry, sha256 in zip(offsets, entries, digests, strict=True)]


def data_offset(file: io.BufferedIOBase, header_offset: int) -> int:
    """Where an entry's data begins: behind its local header, whose extra field may differ from the central one."""
    file.seek(header_offset + 26)
    name_length, extra_length = struct.unpack("<HH", file.read(4))
    return header_offset + _LOCAL_HEADER_BYTES + name_length + extra_length


def concatenate(
    roots: Mapping[str, Path], utterances: pd.DataFrame, groups: Sequence[range], archive: Path
) -> list[str]:
    """Pack one wav a group into `archive`; of each a line: `archive:offset:length`, samples, name, sha256, by TABs.

    The first two are a line of fairseq's manifest; from the others follows what is heard, however it is packed.
    """
    parts = [utterances.iloc[group.start : group.stop] for group in groups]
    names = [f"{part['utterance'].iloc[0]}..{part['utterance'].iloc[-1]}.wav" for part in parts]
    with files.whole(archive) as temporary:
        wavs = (wav_of(roots[corpus_of(part["utterance"].iloc[0], roots)], part) for part in parts)
        places = pack(temporary, zip(names, wavs, strict=True))
    samples = [part["samples"].sum() for part in parts]
    return [
        line_of(f"{archive.name}:{offset}:{length}", n, name, sha256)
        for (offset, length, sha256), n, name in zip(places, samples, names, strict=True)
    ]


def corpus_of(utterance: str, roots: Mapping[str, Path]) -> str:
    """The corpus that an utterance comes from: its id says so where there are several."""
    return utterance.split("/")[0] if len(roots) > 1 else next(iter(roots))


def line_of(place: str, samples: int, name: str, sha256: str) -> str:
    """What is said of one wav: where it lies for fairseq, and what is heard in it."""
    return f"{place}\t{samples}\t{name}\t{sha256}"


def main() -> None:
    """Parse the command line and pack one shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True, help="a list by scripts.corpora.split_validation")
    parser.add_argument("--root", type=Path, nargs="+", required=True, help="where each corpus lies")
    parser.add_argument(
        "--source",
        type=Path,
        nargs="+",
        required=True,
        help="CORPUS/utterances.tsv, or CORPUS/audio of one that was converted",
    )
    parser.add_argument("--utterances-per-file", type=int, required=True)
    parser.add_argument("--shard", type=int, required=True, help="counted from 0")
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--audio", type=Path, required=True, help="the archive to write")
    parser.add_argument("--manifest", type=Path, required=True, help="its lines; a sidecar .json goes beside it")
    arguments = parser.parse_args()

    if not 0 <= arguments.shard < arguments.shards:
        raise StepError(f"there is no shard {arguments.shard} of {arguments.shards}: they are counted from 0")
    utterances = tables.read_table(arguments.utterances, tables.LISTED_COLUMNS)
    named = {source.parent.name: source for source in arguments.source}
    roots = {
        corpus: sources.root_of(source, root)
        for (corpus, source), root in zip(named.items(), arguments.root, strict=True)
    }
    counts = Counter(corpus_of(utterance, roots) for utterance in utterances["utterance"])
    rows = [counts[corpus] for corpus in roots]
    groups = groups_of(rows, arguments.utterances_per_file, arguments.shard, arguments.shards)
    lines = concatenate(roots, utterances, groups, arguments.audio)
    files.write_text(arguments.manifest, "".join(f"{line}\n" for line in lines))
    heard = {corpus: sources.audio_of(source).get("train") for corpus, source in named.items()}
    settings = (arguments.utterances_per_file, arguments.shards)
    made_from = identity.packing(files.sha256(arguments.utterances), heard, *settings, code_digest(__spec__.name))
    circumstances = provenance.circumstances("corpora", "pandas")
    sidecars.write(arguments.manifest, made_from, (arguments.utterances, *arguments.source), **circumstances)


if __name__ == "__main__":
    exit_on_error(main)
