"""List what `work/` still holds of trainings that are published, were given up, or that no config mentions any more;
remove it if asked to.

Nothing is removed that is published, from which a trainer of a config would go on, or on which somebody may be working.
The logs of trainings that a config mentions stay: status and curves are read from them.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.cluster import mentions, page, works
from scripts.cluster.words import size
from scripts.cluster.works import Kind, Work
from scripts.common.errors import StepError, exit_on_error
from scripts.common.provenance import REPOSITORY


def find(directory: Path, configfiles: Sequence[Path]) -> list[Work]:
    """Every training's directory, judged by these configs and the repository's, or by the last table's alone."""
    if not directory.is_dir():
        raise StepError(f"{directory} is not a directory: give --directory the one that Snakemake works in")
    last = directory / "results" / "config.yaml"
    if not configfiles and not last.is_file():
        raise StepError(f"{last} is not there yet: give --configfile what Snakemake is given (or config/config.yaml)")
    given = [REPOSITORY / "config" / "config.yaml", *configfiles] if configfiles else [last]
    return works.find(directory, mentions.read(given), None if configfiles else last.stat().st_mtime)


def report(directory: Path, found: Sequence[Work]) -> str:
    """What is there, with what removing each would free; in the order of the kinds."""
    parts = []
    for kind in Kind:
        those = [work for work in found if work.kind is kind]
        if those:
            parts.append(page.section(kind.value, [_entry(directory, work) for work in those]))
    return "\n\n".join(parts) or f"nothing is in work/ of {directory}"


def to_remove(found: Iterable[Work]) -> list[Work]:
    """Those that may go."""
    return [work for work in found if work.kind is not Kind.KEPT]


def _entry(directory: Path, work: Work) -> page.Entry:
    facts = [size(works.freed([work]))] + ([work.why] if work.why else [])
    return work.directory.relative_to(directory).as_posix(), facts


def remove(found: Sequence[Work]) -> str:
    """Remove what may go, unless somebody has begun to work on it in between; what was done, in words."""
    sizes = {work: works.freed([work]) for work in to_remove(found)}
    gone = [work for work in sizes if works.remove(work)]
    busy = [f"somebody has begun to work on {work.directory}: kept" for work in sizes if work not in gone]
    freed = size(sum(sizes[work] for work in gone))
    return "\n".join([f"removed: {len(gone)} of {len(sizes)} directories, {freed}", *busy])


def main() -> None:
    """Parse the command line, list, and remove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="Snakemake's working directory")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="all that Snakemake is given")
    parser.add_argument("--remove", action="store_true", help="remove what is listed, but for what is kept")
    arguments = parser.parse_args()
    found = find(arguments.directory, arguments.configfile)
    print(report(arguments.directory, found))
    gone = to_remove(found)
    if gone and arguments.remove:
        print(f"\n{remove(found)}")
    elif gone:
        print(f"\n{size(works.freed(gone))} in all; nothing has been removed: add --remove (make: ARGS=--remove)")


if __name__ == "__main__":
    exit_on_error(main)
