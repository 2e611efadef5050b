"""What a trainer saves to go on from: verified and noted before it replaces anything, and before anything loads it.

Loading a pickle runs what is in it. So the sha256 of each state is noted beside it as it is saved (NAME.sha256, as
sha256sum writes it), and compared before a trainer of somebody else's is started that loads it. What we read ourselves
goes through `load`, which makes tensors and plain values and nothing else. Of what a trainer goes on from, the state
before is kept, too: a newest one that is damaged is set aside, and the one before takes its place.
"""

import datetime
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from scripts.common import files
from scripts.common.errors import StepError, no_space

# What states hold beside tensors and Python's own values: ESPnet's reporter has numpy's numbers and durations.
PLAIN = [np.dtype, np._core.multiarray.scalar, type(np.dtype("float64")), type(np.dtype("int64")), datetime.timedelta]
PREVIOUS = {"checkpoint_last.pt": "checkpoint_previous.pt", "checkpoint.pth": "checkpoint_previous.pth"}
DAMAGED = ".damaged"  # ends the name of what was set aside

Check = Callable[[Any], None]


class Damaged(Exception):
    """Why a state cannot be used, as the end of a sentence that begins with its name."""


def load(path: Path) -> Any:
    """What a file of torch.save's holds, on the CPU, its tensors mapped: no code that stands in it is run.

    Raises Damaged for what is cut off, is no such file, or would need more than PLAIN.
    """
    try:
        if path.stat().st_size == 0:
            raise Damaged("is empty")
        with torch.serialization.safe_globals(PLAIN):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (Damaged, OSError, MemoryError):
        raise
    except Exception as error:  # pickle's, zip's and torch's own, by what the damaged bytes happen to say
        if "global" in str(error).lower():
            raise Damaged("holds code beside its tensors, which was not run") from None
        raise Damaged("is cut off or no checkpoint") from None


def check_finite(tensors: Any) -> None:
    """Raise Damaged unless these are tensors by name, and finite."""
    if not isinstance(tensors, dict) or not tensors:
        raise Damaged("has no weights")
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise Damaged(f"has no tensor under {name}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise Damaged(f"has weights that are not finite ({name})")


def check_optimizer(found: Any) -> None:
    """Raise Damaged unless this is an optimizer's state. Adam, known by its betas, has gathered moments by then."""
    if not isinstance(found, dict):
        raise Damaged("lacks the optimizer's state")
    if any("betas" in group for group in found.get("param_groups", ())) and not found.get("state"):
        raise Damaged("lacks the optimizer's state")


def note_of(path: Path) -> Path:
    """Where the digest of a state is noted."""
    return path.with_name(f"{path.name}.sha256")


def noted(path: Path) -> list[str]:
    """The digests that a state may have: none where it was saved before they were noted, two where a kill came
    between the note and the state.
    """
    note = note_of(path)
    return [line.split()[0] for line in note.read_text(encoding="utf-8").splitlines() if line] if note.exists() else []


def _note(path: Path, digests: Iterable[str]) -> None:
    files.write_text(note_of(path), "".join(f"{digest}  {path.name}\n" for digest in dict.fromkeys(digests)))


@contextmanager
def saved(path: Path, check: Check) -> Iterator[BinaryIO]:
    """Yield a file; what is written into it replaces `path` once it has been read back and checked.

    Its digest is noted first, beside that of what it replaces: whenever a kill comes, the note knows what lies there.
    Raises StepError for what may not replace anything, and for a full disk.
    """
    with files.whole(path) as temporary:
        with _naming_a_full_disk(path), temporary.open("wb") as file:
            yield file
        try:
            check(load(temporary))
        except Damaged as reason:
            kept = f"{path} stays as it was" if path.exists() else f"{path} was not written"
            raise StepError(f"what was to be saved {reason}: {kept}; see the log for the updates before") from None
        digest = files.sha256(temporary)
        _replacing(path, digest)
    _note(path, [digest])
    for note in path.parent.glob("*.sha256"):  # a trainer removes states that it needs no more
        if not note.with_suffix("").exists():
            note.unlink()


def copied(source: Path, target: Path) -> None:
    """Copy a state under another name: whole or not at all, and only as it was noted."""
    with files.whole(target) as temporary:
        with _naming_a_full_disk(target):
            shutil.copyfile(source, temporary)
        digest = files.sha256(temporary)
        if noted(source) and digest not in noted(source):
            raise StepError(f"{source} changed while it was copied: {target} stays as it was; look at the disk")
        _replacing(target, digest)
    _note(target, [digest])


def _replacing(path: Path, digest: str) -> None:
    """Before a state is replaced: note both, and keep the one that is there as the one before, where there is one."""
    before = noted(path)
    if path.name in PREVIOUS and path.exists():
        previous = path.with_name(PREVIOUS[path.name])
        if before:
            _note(previous, [*before, *noted(previous)])
        else:
            note_of(previous).unlink(missing_ok=True)
        files.publish(path, previous)
        if before:
            _note(previous, before)
    if before or not path.exists():
        _note(path, [digest, *before])


@contextmanager
def _naming_a_full_disk(path: Path) -> Iterator[None]:
    """torch hides an OSError of the file that it writes into behind one of its own."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found: BaseException | None = error
        while found is not None:
            if isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_space(path.parent) from None
            found = found.__context__
        raise


def verified(path: Path, check: Check) -> Any:
    """What a state holds. Its digest is compared before it is read. Raises Damaged.

    One that was saved before digests were noted is taken if it can be read without running code and passes the check;
    its digest is noted then.
    """
    digests = noted(path)
    try:
        found = files.sha256(path)
    except OSError as error:
        if error.errno != errno.EIO:  # what may pass by itself is no damage
            raise
        raise Damaged(f"cannot be read ({error.strerror})") from None
    if digests and found not in digests:
        what = "is empty" if path.stat().st_size == 0 else "is not what was saved (sha256)"
        raise Damaged(what)
    state = load(path)
    check(state)
    if digests != [found]:
        _note(path, [found])
    return state


def newest(path: Path, check: Check, otherwise: str) -> Any | None:
    """What the newest usable state holds, which then lies at `path`; None where there is none.

    What is damaged is set aside, with one line that names it. `otherwise`: where training begins without any.
    """
    aside: list[str] = []
    for candidate in (path, path.with_name(PREVIOUS[path.name])):
        if not candidate.exists():
            continue
        try:
            state = verified(candidate, check)
        except Damaged as reason:
            aside.append(f"{candidate} {reason}: set aside as {set_aside(candidate).name}")
            continue
        if candidate != path:
            _note(path, noted(candidate))
            os.replace(candidate, path)
            note_of(candidate).unlink()
            aside.append("training goes on from the state before")
        if aside:
            print("; ".join(aside), flush=True)
        return state
    if aside:
        print("; ".join([*aside, otherwise]), flush=True)
    return None


def set_aside(path: Path) -> Path:
    """Move what is damaged to a name of its own, where it is loaded by nothing; an earlier one is replaced."""
    os.replace(path, aside_of(path))
    note_of(path).unlink(missing_ok=True)
    return aside_of(path)


def aside_of(path: Path) -> Path:
    """Where it is moved."""
    return path.with_name(path.name + DAMAGED)


def forget_previous(path: Path) -> None:
    """Make room once training is done: nothing goes on from the state before any more."""
    previous = path.with_name(PREVIOUS[path.name])
    previous.unlink(missing_ok=True)
    note_of(previous).unlink(missing_ok=True)
