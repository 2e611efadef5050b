"""Unpack what is still packed of AISHELL-1 or AISHELL-2: python -m scripts.corpora.unpack ROOT

Both come as one archive a speaker, wav/SPEAKER.tar.gz. Each is unpacked into a folder of its own, whose files then get
their names: a speaker appears in one step, and one who was there in part gets what is missing or shorter than in the
archive. What was there whole is left alone, so a second call goes on where the first was ended. Archives stay.
"""

import argparse
import os
import shutil
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from scripts.common.bars import shown
from scripts.common.errors import StepError, exit_on_error
from scripts.corpora.formats.layout import packed

SUBSETS = ("train", "dev", "test")  # AISHELL-1's speakers lie in one of them


def place_of(member: tarfile.TarInfo, speaker: str) -> PurePosixPath:
    """Where below wav/ a member belongs. Raises StepError for what an archive of AISHELL does not hold.

    Links, devices and paths that lead elsewhere are refused by what they are not: a wav in its speaker's folder.
    """
    path = PurePosixPath(os.path.normpath(member.name))
    *folders, name = path.parts
    if not (member.isreg() and name.endswith(".wav") and folders in ([speaker], *([s, speaker] for s in SUBSETS))):
        raise StepError(f"it holds {member.name!r}, and should hold wavs of {speaker} alone: nothing was taken from it")
    return path


def unpack(archive: Path, wavs: Path) -> int:
    """Unpack one speaker's archive into the folder `wavs`; how many files were not there. Raises StepError."""
    speaker = archive.name.removesuffix(".tar.gz")
    scratch = wavs / f".unpacking-{speaker}"
    shutil.rmtree(scratch, ignore_errors=True)
    made = []
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isdir():
                    continue
                path = place_of(member, speaker)
                if not _is_there(wavs / path, member.size):
                    (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                    with tar.extractfile(member) as source, (scratch / path).open("wb") as target:
                        shutil.copyfileobj(source, target)
                    made.append(path)
        for folder in dict.fromkeys(path.parent for path in made):
            _move(scratch / folder, wavs / folder)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise StepError(f"{' '.join(str(error).split())}: fetch it again") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return len(made)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _move(made: Path, folder: Path) -> None:
    """In one step where the folder is not there yet."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.rename(folder)
        return
    for path in made.iterdir():
        os.replace(path, folder / path.name)


def main() -> None:
    """Parse the command line and unpack; a damaged archive is named, and the others are unpacked all the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="ROOT", help="the folder that holds wav/, as in the config")
    parser.add_argument("--threads", type=int, default=min(8, os.cpu_count() or 1))
    arguments = parser.parse_args()
    archives = [arguments.root / path for path in packed(arguments.root).values()]
    if not archives:
        raise StepError(f"{arguments.root / 'wav'} holds no SPEAKER.tar.gz: is this the root of the corpus?")
    failures: list[str] = []

    def one(archive: Path) -> int:
        try:
            return unpack(archive, arguments.root / "wav")
        except StepError as reason:
            failures.append(f"{archive}: {reason}")
            return 0

    with ThreadPoolExecutor(arguments.threads) as pool:
        files = sum(shown(pool.map(one, archives), len(archives), " speakers"))
    print(f"{files} files unpacked from {len(archives)} archives; delete the archives when all is well")
    if failures:
        raise StepError("; ".join(sorted(failures)))


if __name__ == "__main__":
    exit_on_error(main)
