"""Read a wav out of an archive as it was packed, or say which one is damaged.

fairseq maps the archive into memory and believes what it finds: a flipped bit is noise in an utterance, and a bad
sector kills the process. Each wav is compared with the checksum (CRC-32) that the archive's directory holds of it.
"""

import os
import zipfile
import zlib
from bisect import bisect
from functools import cache
from pathlib import Path

from scripts.common.errors import StepError


def read(archive: str, offset: int, length: int) -> bytes:
    """The bytes of a file within an uncompressed zip. Raises StepError, with its name, where they are not what was
    packed.
    """
    wav = f"bytes {offset} to {offset + length}"
    try:
        with open(archive, "rb", buffering=0) as file:
            parts = _parts(file.fileno(), offset, length)
        starts, entries = _directory(archive)
        name, size, checksum = entries[bisect(starts, offset) - 1]
        wav = f"{name} ({wav})"
    except OSError as error:
        raise _damaged(archive, f"{wav} cannot be read: {error.strerror}") from None
    except (zipfile.BadZipFile, IndexError):
        raise _damaged(archive, f"the archive's directory has no {wav}") from None
    data = b"".join(parts)
    if len(data) != length or (size == length and zlib.crc32(data) != checksum):
        raise _damaged(archive, f"{wav} is not what was packed")
    return data


def _parts(file: int, offset: int, length: int) -> list[bytes]:
    parts, end = [], offset + length
    while offset < end and (part := os.pread(file, end - offset, offset)):
        parts.append(part)
        offset += len(part)
    return parts


@cache
def _directory(archive: str) -> tuple[list[int], list[tuple[str, int, int]]]:
    """Where the entries begin, in order, and of each its name, size in bytes and checksum."""
    with zipfile.ZipFile(archive) as file:
        found = sorted(file.infolist(), key=lambda entry: entry.header_offset)
    return [entry.header_offset for entry in found], [(entry.filename, entry.file_size, entry.CRC) for entry in found]


def _damaged(archive: str, what: str) -> StepError:
    manifest = Path(archive).with_suffix(".tsv")
    return StepError(
        f"{archive} is damaged: {what}: delete it and {manifest.name} beside it, and start again: it is packed anew"
    )
