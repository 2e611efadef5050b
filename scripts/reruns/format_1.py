"""Sidecars of the first format, for scripts.reruns.adopt: where they lie, and what they say in other words.

They name data by the bytes of manifests and tables, fine-tuned epochs in a file within their folder, and the best
checkpoint by how it was trained. Lists and packed audio had none: a run makes these again, which costs no GPU.
"""

import hashlib
import itertools
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.common import files, tables
from scripts.common.errors import StepError
from scripts.corpora.concatenate import data_offset, line_of
from scripts.corpora.write_manifest import heard
from scripts.reruns.cards import Card, read
from scripts.reruns.parts import Part

WITHOUT_SIDECARS = ("utterances", "kept", "split", "archive", "manifest")


def card_of(part: Part) -> Card:
    """A part's sidecar, in this format or a later one; nothing where there is none."""
    old = Path(part.file) / "provenance.json"
    return read(Path(part.sidecar)) or (read(old) if part.kind == "epochs" else {})


def made_from(part: Part, card: Card, others: Mapping[Part, Card]) -> dict[str, Any]:
    """What a sidecar says that a part was made from, without words that mean something else today.

    `others`: the sidecars of the parts above, in today's words.
    """
    found = dict(card.get("made_from", {}))
    if "format" in card:
        return found
    if part.kind == "best":
        # It is chosen anew, which costs nothing, unless it is the best of those that lie there.
        candidates = [other for of, other in others.items() if of.kind == "best-until" and of["model"] == part["model"]]
        best = min(candidates, key=lambda other: (other["validation_loss"], -other["updates"]), default={})
        return {} if best.get("sha256") == card["sha256"] else {"candidates_sha256": {}}
    if part.kind == "transcript":
        averages = {other["sha256"]: of for of, other in others.items() if of.kind == "average"}
        average = averages.get(found["weights"])
        found["average"] = Path(average.file).stem if average else "unknown"
    return found


def data_card(part: Part, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What a table or a manifest would say of itself today, if it is still what something was made from.

    `recorded`: what the sidecar of that says. Raises StepError for a manifest that is another.
    """
    path = Path(part.file)
    if part.kind == "manifest" and "manifests" in recorded:
        if not path.exists() or files.sha256(path) != recorded["manifests"][part["subset"]]:
            raise StepError(f"{path} is not the one that was trained on: restore it and its archives, or train again")
        return {"sha256": files.sha256(path), "digest": heard(_lines(path))}
    if part.kind == "split" and path.exists():
        with tempfile.TemporaryDirectory() as folder:  # as it is written today, without transcripts
            tables.write_table(tables.read_utterances(path), Path(folder) / path.name, tables.LISTED_COLUMNS)
            return {"sha256": files.sha256(Path(folder) / path.name)}
    if part.kind == "utterances" and path.exists() and files.sha256(path) == recorded.get("utterances"):
        utterances = tables.read_utterances(path)
        subsets = {subset: tables.digests_of(rows) for subset, rows in utterances.groupby("subset")}
        return {"sha256": files.sha256(path), "subsets": subsets}
    return {}


def _lines(manifest: Path) -> Iterator[str]:
    """The lines that packing writes today, from the archives themselves."""
    root, *entries = manifest.read_text(encoding="utf-8").splitlines()
    for name, group in itertools.groupby(entries, key=lambda entry: entry.rsplit(":", 2)[0]):
        archive = manifest.parent / root / name
        try:
            with zipfile.ZipFile(archive) as opened, archive.open("rb") as file:
                titles = {data_offset(file, entry.header_offset): entry.filename for entry in opened.infolist()}
                for place, samples in (entry.split("\t") for entry in group):
                    title = titles[int(place.split(":")[-2])]
                    sha256 = hashlib.sha256(opened.read(title)).hexdigest()
                    yield line_of(place, int(samples), title, sha256) + "\n"
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise StepError(f"{archive} does not hold what {manifest} lists ({error}): restore it") from error
