"""Concatenate consecutive utterances into longer wavs, packed into one uncompressed zip archive a shard.

wav2vec 2.0 learns from crops of about 15 s; AISHELL-2's utterances are 3.6 s long on average, so the published run
joined six. fairseq reads `archive.zip:offset:length` without unpacking, which spares a network file system 160,000
small files.
"""

import argparse
import hashlib
import io
import itertools
import struct
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from scripts.common import audio, files, provenance, sidecars, sources, tables
from scripts.common.bars import shown
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
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


class Wav:
    """One 16 kHz mono 16-bit wav after another with the samples of all utterances of a group, in order.

    Each takes the place of the one before: fresh memory costs as much as what is written into it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def of(self, paths: Sequence[Path], samples: Sequence[int]) -> memoryview:
        """The wav of the files at `paths`, each of so many samples; it is there until the next one is asked for."""
        head = audio.plain_header(sum(samples))
        end = len(head) + 2 * sum(samples)
        if len(self._buffer) < end:
            self._buffer = bytearray(end)
        wav = memoryview(self._buffer)[:end]
        at = len(head)
        wav[:at] = head
        for path, count in zip(paths, samples, strict=True):
            audio.read_pcm_into(path, wav[at : at + 2 * count])
            at += 2 * count
        return wav


def pack(archive: Path, wavs: Iterator[tuple[str, bytes | memoryview]]) -> list[tuple[int, int, str]]:
    """Write named wavs into an uncompressed zip; of each one's data: offset, length in bytes, sha256."""
    digests = []
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, data in wavs:
            digests.append(hashlib.sha256(data).hexdigest())
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.file_size = len(data)
            with file.open(entry, "w") as place:
                place.write(data)
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
    ids, paths, counts = (utterances[column].tolist() for column in ("utterance", "path", "samples"))
    names = [f"{ids[group[0]]}..{ids[group[-1]]}.wav" for group in groups]
    samples = [[counts[row] for row in group] for group in groups]
    places = [[roots[corpus_of(ids[group[0]], roots)] / paths[row] for row in group] for group in groups]
    with files.whole(archive) as temporary:
        wavs = map(Wav().of, places, samples)
        packed = pack(temporary, zip(names, shown(wavs, len(groups), " files"), strict=True))
    return [
        line_of(f"{archive.name}:{offset}:{length}", sum(n), name, sha256)
        for (offset, length, sha256), n, name in zip(packed, samples, names, strict=True)
    ]


def part_of(
    table: Path, corpora: Sequence[str], utterances_per_file: int, shard: int, shards: int
) -> tuple[pd.DataFrame, list[range]]:
    """The rows of a table of utterances that a shard packs, and their groups."""
    with table.open(encoding="utf-8") as lines:
        counts = Counter(corpus_of(line, corpora) for line in itertools.islice(lines, 1, None))
    groups = groups_of([counts[corpus] for corpus in corpora], utterances_per_file, shard, shards)
    first = groups[0].start if groups else 0
    rows = tables.read_table(table, tables.LISTED_COLUMNS, range(first, groups[-1].stop if groups else 0))
    return rows, [range(group.start - first, group.stop - first) for group in groups]


def corpus_of(utterance: str, corpora: Collection[str]) -> str:
    """The corpus that an utterance comes from: its id says so where there are several."""
    return utterance.split("/", 1)[0] if len(corpora) > 1 else next(iter(corpora))


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
    named = {source.parent.name: source for source in arguments.source}
    roots = {
        corpus: sources.root_of(source, root)
        for (corpus, source), root in zip(named.items(), arguments.root, strict=True)
    }
    shard = (arguments.utterances_per_file, arguments.shard, arguments.shards)
    lines = concatenate(roots, *part_of(arguments.utterances, list(roots), *shard), arguments.audio)
    files.write_text(arguments.manifest, "".join(f"{line}\n" for line in lines))
    heard = {corpus: sources.audio_of(source).get("train") for corpus, source in named.items()}
    settings = (arguments.utterances_per_file, arguments.shards)
    made_from = identity.packing(files.sha256(arguments.utterances), heard, *settings, code_digest(__spec__.name))
    circumstances = provenance.circumstances("corpora", "pandas")
    sidecars.write(arguments.manifest, made_from, (arguments.utterances, *arguments.source), **circumstances)


if __name__ == "__main__":
    exit_on_error(main)
