"""Take over what another release of this software has made: python -m scripts.reruns.adopt --directory runs/NAME

A release may digest code or data in another way than the one before, or change code that decides no result. What was
trained before then looks stale, although nothing that decides it has changed. This compares every product with the
bytes that its sidecar vouches for, and says what has to be taken on trust. With --yes it writes the sidecars anew, so
that nothing is trained again for the release alone, and gives branches the names that they have now. What is stale for
another reason stays so.
"""

import argparse
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.common import defaults, files, provenance, sidecars
from scripts.common.errors import StepError, exit_on_error
from scripts.finetune.data import data_digest
from scripts.finetune.identity import name_of_work
from scripts.reruns import format_1, renamed
from scripts.reruns.cards import Card
from scripts.reruns.numbers import parts_of_table
from scripts.reruns.parts import KINDS, Part, above, glob_of, match, published_updates, with_all_above
from scripts.reruns.wants import WANTS, Wish, is_later
from scripts.trainers.work import WORK, segment_of

# What cannot be compared across releases: digests of code, and of the words that the workflow adds to a recipe.
TRUSTED = ("code", "command", "espnet_layer", "fairseq_plugin")


def refuse_other_formats(config: Mapping[str, Any]) -> None:
    """Raise StepError where another release has made a part of the table: it would not be known for what it is."""
    for part in with_all_above(parts_of_table(config), config):
        card = format_1.card_of(part)
        if card and card.get("format") != sidecars.FORMAT:
            raise StepError(
                f"{part.file} was made by another release of this software, whose digests have another format: "
                f"`python -m scripts.reruns.adopt --directory {Path.cwd()}` says what can be taken over"
            )
    renamed.refuse(config)


@dataclass(frozen=True)
class Adoption:
    """A part, its sidecar as it is, and what it shall say that the part was made from."""

    part: Part
    card: Card
    made_from: dict[str, Any]

    @property
    def trusted(self) -> list[str]:
        """Keys whose values are taken over without a comparison."""
        before = self.card.get("made_from", {})
        return [key for key in TRUSTED if key in self.made_from and before.get(key) != self.made_from[key]]

    @property
    def is_needed(self) -> bool:
        return bool(self.trusted) or self.card.get("format") != sidecars.FORMAT

    @property
    def is_made_again(self) -> bool:
        """Lists and packed audio of the first format, of which nothing is known: a run makes them anew, on CPUs."""
        return not self.card


def parts_in(config: Mapping[str, Any]) -> Iterator[Part]:
    """All parts below the working directory that have a sidecar and a place in the config, the upper ones first."""
    for kind in KINDS:
        found = {}
        for path in (*Path().glob(glob_of(kind)), *_of_sidecars(kind)):
            if (part := match(kind, path.as_posix())) and _is_known(dict(part.names), config):
                found[part] = None
        parts = sorted(found, key=lambda part: part.file)
        yield from (part for part in parts if format_1.card_of(part) or kind in format_1.WITHOUT_SIDECARS)


def _of_sidecars(kind: str) -> Iterator[Path]:
    """Products of which the sidecar alone may be there."""
    suffix = Path(KINDS[kind][1]).suffix
    for sidecar in Path().glob(sidecars.path_of(Path(glob_of(kind))).as_posix()):
        yield sidecar.with_suffix(suffix)


def _is_known(names: Mapping[str, str], config: Mapping[str, Any]) -> bool:
    models = {**config["pretraining"], **config["checkpoints"]}
    catalogues = {"corpus": config["corpora"], "model": models, "task": config["finetuning"]}
    return all(names[name] in catalogue for name, catalogue in catalogues.items() if name in names)


def check_bytes(part: Part, card: Card) -> None:
    """Raise StepError where a product is not the one that its sidecar vouches for; what was deleted is none."""
    file = Path(part.file)
    known = {file / name: sha256 for name, sha256 in card.get("epochs", {}).items()}
    if "sha256" in card and part.file != part.sidecar:
        known[file] = card["sha256"]
    for path, sha256 in known.items():
        if path.is_file() and files.sha256(path) != sha256:
            raise StepError(f"{path} is not the file that its sidecar vouches for (sha256): nothing is taken over")
    if part.kind == "data" and file.is_dir() and data_digest(file) != card["digest"]:
        raise StepError(f"{file} is not the data that its sidecar vouches for: nothing is taken over")


def adoptions(config: Mapping[str, Any], repository: Path) -> list[Adoption]:
    """All parts with what they shall say, after their bytes have been compared. It changes nothing."""
    cards: dict[Part, Card] = {}
    found = []
    for part in parts_in(config):
        card = format_1.card_of(part)
        check_bytes(part, card)
        made_from = _made_from(part, card, cards, config, repository)
        if card:
            found.append(Adoption(part, card, made_from))
            cards[part] = {**card, "made_from": made_from}
        else:
            found.append(Adoption(part, card, made_from | {"code": "of another release"}))
    return found


def _made_from(
    part: Part, card: Card, cards: dict[Part, Card], config: Mapping[str, Any], repository: Path
) -> dict[str, Any]:
    """In the words of this release: trusted keys and new ones as they are wanted now, all others as they were."""
    before = format_1.made_from(part, card, cards)

    def now(other: Part | None, key: str | tuple[str, ...], *place: str) -> Any:
        if other is None:
            return card.get(key)
        value: Any = cards[other] if other in cards else format_1.data_card(other, before)
        for name in (key,) if isinstance(key, str) else key:
            value = value.get(name, {})
        return value or "unknown"

    wanted = WANTS[part.kind](Wish(part, config, repository, now))
    known = {key: value for key, value in wanted.items() if key in before or not is_later(part, key)}
    kept = {key: before[key] if key in before and key not in TRUSTED else value for key, value in known.items()}
    return kept | {key: before[key] for key in ("resumed_from_sha256",) if key in before}


def write(adoption: Adoption, config: Mapping[str, Any]) -> None:
    """Write a sidecar anew, and give the trainer's own directory the name that it has in this release."""
    part, before = adoption.part, adoption.card.get("made_from", {})
    kept = {key: value for key, value in adoption.card.items() if key not in ("made_from", "above", "format")}
    trusted = {key: before.get(key) for key in adoption.trusted}
    kept |= {"adopted": {"git_commit": provenance.git_commit(), "trusted": trusted}}
    paths = tuple(Path(other.file) for other in above(part, config))
    if part.kind == "milestone":
        _rename_segments(adoption, config)
    elif part.kind == "epochs":
        work = Path(part.file).parent / WORK
        _rename(*(work / name_of_work(made_from) for made_from in (before, adoption.made_from)))
    elif part.kind == "average":
        _add_configuration(Path(part.file))
    date = Path(part.file).stat().st_mtime_ns if Path(part.file).exists() else Path(part.sidecar).stat().st_mtime_ns
    files.write_json(Path(part.sidecar), sidecars.card(adoption.made_from, paths, **kept))
    os.utime(part.sidecar, ns=(date, date))  # a new date would have Snakemake make again what is below


def _rename_segments(adoption: Adoption, config: Mapping[str, Any]) -> None:
    """The directory of a milestone, and of the segment behind it, which may be underway."""
    part, before = adoption.part, adoption.card["made_from"]
    work = Path(part.file).parent / WORK
    _rename_segment(work, part["updates"], before, adoption.made_from)
    for updates in published_updates(config["pretraining"][part["model"]]):
        if updates > int(part["updates"]):
            of_next = {"updates": updates, "resumed_from_sha256": adoption.card["sha256"]}
            _rename_segment(work, updates, before | of_next, adoption.made_from | of_next)


def _rename_segment(work: Path, updates: int | str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    _rename(*(work / segment_of(f"after-{updates}-updates", made_from) for made_from in (before, now)))


def _rename(old: Path, new: Path) -> None:
    if old.exists() and not new.exists():
        old.rename(new)


def _add_configuration(average: Path) -> None:
    """What ESPnet needs beside an average, which the first format left among the epochs."""
    settings = average.with_name("epochs") / "config.yaml"
    if settings.exists() and not average.with_suffix(".yaml").exists():
        files.publish(settings, average.with_suffix(".yaml"))


def report(found: Iterable[Adoption]) -> Iterator[str]:
    """What has been compared, and what has to be taken on trust, in lines for a person."""
    needed = [adoption for adoption in found if adoption.is_needed and not adoption.is_made_again]
    for adoption in needed:
        trusted = f"; on trust: {', '.join(adoption.trusted)}" if adoption.trusted else ""
        yield f"{adoption.part.file}: as its sidecar says{trusted}"
    commits = sorted({adoption.card.get("git_commit", "unknown")[:12] for adoption in needed})
    yield f"{len(needed)} products can be taken over."
    if any(adoption.trusted for adoption in needed):
        yield (
            f"Taken on trust: that commit {provenance.git_commit()[:12]} would have made the same of the same as "
            f"{', '.join(commits)} (digests of code and commands cannot be compared)."
        )


def main() -> None:
    """Parse the command line, compare, and with leave write the sidecars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=Path(), help="the working directory; its results are meant")
    parser.add_argument("--config", type=Path, help="merged config; results/config.yaml of the directory by default")
    parser.add_argument("--yes", action="store_true", help="write the sidecars")
    arguments = parser.parse_args()
    path = (arguments.config or arguments.directory / "results" / "config.yaml").resolve()
    if not path.is_file():
        raise StepError(f"{path} is missing: name the config of the run with --config")
    os.chdir(arguments.directory)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults.fill_in(config)
    called = list(renamed.renamings(config))
    for old, new in called:
        print(f"{old}: is called {new.name} now")
        if arguments.yes:
            renamed.rename(old, new)
    found = adoptions(config, provenance.REPOSITORY)
    print("\n".join(report(found)))
    needed = [adoption for adoption in found if adoption.is_needed]
    if not arguments.yes and (needed or called):
        print("Nothing has been changed: add --yes to write their sidecars anew.")
    if arguments.yes and (needed or called):
        for adoption in needed:
            write(adoption, config)
        # Snakemake remembers parameters of the other release, and would take them for changed.
        shutil.rmtree(Path(".snakemake/metadata"), ignore_errors=True)


if __name__ == "__main__":
    exit_on_error(main)
