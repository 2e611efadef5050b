"""Bring a checkpoint made elsewhere, from a path or a URL, and accept it only if its sha256 is the one in the config.

A checkpoint is unpickled, which may run code, so nobody should load one they have not pinned. Where the config holds no
sha256, the step says which digest it found and which key to set, and stops. A checkpoint of fairseq is published as it
is. What else holds a wav2vec 2.0 (Hugging Face's, with its config.json beside it; a fine-tuned one) is converted.
"""

import argparse
import http.client
import json
import pickle
import shutil
import tempfile
import urllib.parse
import urllib.request
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from scripts.common import files, sidecars
from scripts.common.code import code_digest
from scripts.common.errors import StepError, exit_on_error
from scripts.pretrain import conversion, given_files, identity

CONFIGURATION = "config.json"  # of Hugging Face


def bring(path: Path | None, url: str | None, target: Path) -> None:
    """Copy from `path` if given, else download from `url` (https, http, file), to the end."""
    source = str(path or url)
    try:
        if path is not None:
            shutil.copyfile(path, target)
            return
        with urllib.request.urlopen(url) as opened, target.open("wb") as sink:
            shutil.copyfileobj(opened, sink)
            length = opened.headers.get("Content-Length")
    except (OSError, http.client.HTTPException, ValueError) as error:  # urllib's URLError is an OSError
        raise StepError(f"cannot read {source}: {error}; download it yourself and set path") from error
    if length is not None and target.stat().st_size < int(length):
        raise given_files.cut_off(source, target.stat().st_size)


def load(file: Path, kind: str, source: str) -> Any:
    """The content of a file whose sha256 is the pinned one.

    Nothing of a pickle is run where torch can do without. Objects need it, as older releases of fairseq saved them:
    the digest was compared before.
    """
    try:
        if kind == given_files.SAFETENSORS:
            return safetensors.torch.load_file(file)
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        print(f"{source} holds more than weights: it is unpickled, as its sha256 is the one that the config names")
    except Exception as error:  # whatever damaged bytes happen to say
        raise given_files.cut_off(source, file.stat().st_size) from error
    try:
        return torch.load(file, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise StepError(
            f"{source} needs the program that saved it ({error}): give the checkpoint of fairseq or transformers"
        ) from error
    except Exception as error:
        raise given_files.cut_off(source, file.stat().st_size) from error


def configuration_beside(path: Path | None, url: str | None, folder: Path) -> Path:
    """The config.json that lies beside the weights, brought into a folder."""
    target = folder / CONFIGURATION
    try:
        if path is not None:
            bring(path.with_name(CONFIGURATION), None, target)
        else:
            bring(None, urllib.parse.urljoin(str(url), CONFIGURATION), target)
    except StepError as error:
        raise StepError(
            f"{path or url} is a model of Hugging Face, whose {CONFIGURATION} has to lie beside it: "
            f"{str(error).partition(';')[0]}"
        ) from error
    return target


def read_configuration(path: Path, source: str) -> Mapping[str, Any]:
    """The content of a config.json."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise StepError(f"the {CONFIGURATION} beside {source} is no JSON ({error}): bring it again") from error


def check_digest(found: str, expected: str | None, source: str, key: str) -> None:
    """Raise StepError unless a file's sha256 is the one that the config names."""
    if expected is None:
        raise StepError(f"{source} has sha256 {found}: if you trust it, set {key}.sha256 to it in the config")
    if found != expected.lower():
        raise StepError(f"{source} has sha256 {found}, but {key}.sha256 says {expected}: do not use it")


def provide(path: Path | None, url: str | None, expected_sha256: str | None, output: Path, key: str) -> None:
    """Publish the checkpoint and a sidecar if its sha256 is `expected_sha256`; a StepError names `key` otherwise."""
    if path is None and url is None:
        raise StepError(f"{key}.path and {key}.url are both null: set one of them in the config")
    source = str(path or url)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".provide-") as name:
        folder = Path(name)
        brought = folder / "given"
        bring(path, url, brought)
        kind = given_files.kind_of(brought, source, key)
        found = files.sha256(brought)
        check_digest(found, expected_sha256, source, key)

        def configuration() -> Mapping[str, Any]:
            return read_configuration(configuration_beside(path, url, folder), source)

        state, was = conversion.convert(load(brought, kind, source), configuration, source)
        if was:
            with files.whole(output) as temporary, temporary.open("wb") as file:
                torch.save(state, file)  # a file object: torch writes a path's name into the file
        else:
            files.publish(brought, output)
        facts = {"converted_from": was} if was else {}
        if (folder / CONFIGURATION).exists():
            facts["config_sha256"] = files.sha256(folder / CONFIGURATION)
    code = code_digest(conversion.__name__) if was else None
    made_from = identity.given(found, code, facts.get("config_sha256"))
    sidecars.write(output, made_from, updates=None, source=source, **facts)
    say(state, was, source)


def say(state: Mapping[str, Any], was: str, source: str) -> None:
    """What somebody should know of a checkpoint that was taken."""
    if was:
        heads = "" if "final_proj.weight" in state["model"] else ", without the heads of pre-training"
        print(f"{source} is a {was}: its encoder was converted to fairseq's format{heads}")
    settings = conversion.settings_of(state, source)
    if settings.get("layer_norm_first", False):
        width = settings.get("encoder_embed_dim", 768)
        print(f"{source} is a large model (layer_norm_first): encoder_conf.output_size of ESPnet's recipe is {width}")
    if conversion.normalizes(state):
        print(f"{source} was pre-trained on waveforms of mean 0 and variance 1; ESPnet hands them on as they are")


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
