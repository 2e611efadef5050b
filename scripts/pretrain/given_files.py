"""What a file is that was given for a checkpoint, as far as its bytes tell. Nothing is unpickled for that."""

import json
import struct
import zipfile
from pathlib import Path

from scripts.common.errors import StepError

TORCH, SAFETENSORS = "torch", "safetensors"
_HEAD = 4096  # bytes that are looked at

# By their first bytes, what no checkpoint begins with, and what to do about it.
_ARCHIVE = "an archive: unpack it and set {key}.path to the checkpoint within"
_OTHERS = {
    b"\x1f\x8b": _ARCHIVE,
    b"\xfd7zXZ": _ARCHIVE,
    b"BZh": _ARCHIVE,
    b"7z\xbc\xaf": _ARCHIVE,
    b"version https://git-lfs": "a pointer of Git LFS in the place of the file: run `git lfs pull` where it lies",
    b"{": "JSON and holds no weights: give the model.safetensors or pytorch_model.bin that lies beside it",
    b"\x89HDF": "a model of TensorFlow: give one of PyTorch",
}


def kind_of(file: Path, source: str, key: str) -> str:
    """TORCH (pickled, in either of torch's formats) or SAFETENSORS.

    `source`: where it comes from, for messages. Raises StepError for what is no checkpoint, or not the whole of one.
    """
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    if not head:
        raise StepError(f"{source} is empty: bring it again")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise StepError(
            f"{source} is a web page and no checkpoint: set {key}.url to the address of the file itself (it may want a "
            f"log-in), or download it in a browser and set {key}.path"
        )
    for beginning, what in _OTHERS.items():
        if head.startswith(beginning):
            raise StepError(f"{source} is {what.format(key=key)}")
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(file, source, key)
    if head.startswith(b"\x80"):  # every pickle since Python 2.3
        return TORCH
    if head[8:9] == b"{":
        return _of_safetensors(file, head, source)
    raise StepError(
        f"{source} begins like no checkpoint: give fairseq's .pt, or the model.safetensors or pytorch_model.bin of "
        "Hugging Face with its config.json beside it"
    )


def cut_off(source: str, size: int) -> StepError:
    """A file that is not whole."""
    return StepError(f"{source} is cut off or damaged ({size} bytes are there): download it again")


def _of_zip(file: Path, source: str, key: str) -> str:
    """torch's format since 1.6 is a zip archive that ends with its list of contents."""
    try:
        names = zipfile.ZipFile(file).namelist()
    except zipfile.BadZipFile as error:
        raise cut_off(source, file.stat().st_size) from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise StepError(f"{source} is {_ARCHIVE.format(key=key)}")
    return TORCH


def _of_safetensors(file: Path, head: bytes, source: str) -> str:
    """The length of a header in JSON, the header, and the tensors at the offsets that it names."""
    size = file.stat().st_size
    (length,) = struct.unpack("<Q", head[:8])
    if 8 + length > size:
        raise cut_off(source, size)
    with file.open("rb") as opened:
        opened.seek(8)
        try:
            header = json.loads(opened.read(length))
        except ValueError as error:
            raise cut_off(source, size) from error
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) > size:
        raise cut_off(source, size)
    return SAFETENSORS
