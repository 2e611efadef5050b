"""Bring a checkpoint made elsewhere, from a path or a URL, and accept it only if its sha256 is the one in the config.

A checkpoint is unpickled, which runs code, so nobody should load one they have not pinned. Where the config holds no
sha256, the step says which digest it found and which key to set, and stops.
"""

import argparse
import http.client
import shutil
import urllib.request
from pathlib import Path

from scripts.common import files, sidecars
from scripts.common.errors import StepError, exit_on_error
from scripts.pretrain import identity


def bring(path: Path | None, url: str | None, target: Path) -> None:
    """Copy from `path` if given, else download from `url` (https, http, file)."""
    try:
        if path is not None:
            shutil.copyfile(path, target)
        else:
            with urllib.request.urlopen(url) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    except (OSError, http.client.HTTPException, ValueError) as error:  # urllib's URLError is an OSError
        raise StepError(f"cannot read {path or url}: {error}; download it yourself and set path") from error


def provide(path: Path | None, url: str | None, expected_sha256: str | None, output: Path, key: str) -> None:
    """Publish the checkpoint and a sidecar if its sha256 is `expected_sha256`; a StepError names `key` otherwise."""
    if path is None and url is None:
        raise StepError(f"{key}.path and {key}.url are both null: set one of them in the config")
    with files.whole(output) as temporary:
        bring(path, url, temporary)
        found = files.sha256(temporary)
        if expected_sha256 is None:
            raise StepError(f"{path or url} has sha256 {found}: if you trust it, set {key}.sha256 to it in the config")
        if found != expected_sha256.lower():
            raise StepError(f"{path or url} has sha256 {found}, but {key}.sha256 says {expected_sha256}: do not use it")
    source = str(path) if path is not None else url
    sidecars.write(output, identity.given(found), updates=None, source=source)


def main() -> None:
    """Parse the command line and provide one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--sha256", help="hexadecimal; without it the step stops and says what it found")
    parser.add_argument("--key", required=True, help="the checkpoint's key in the config, for messages")
    parser.add_argument("--output", type=Path, required=True, help="a sidecar .json goes beside it")
    arguments = parser.parse_args()
    provide(arguments.path, arguments.url, arguments.sha256, arguments.output, arguments.key)


if __name__ == "__main__":
    exit_on_error(main)
