"""How a step says what is wrong: one sentence that names the file or key and what to do."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path


class StepError(Exception):
    """Something the user can mend. The message is one sentence: what is wrong with which file, and what to do."""


def no_space(path: Path) -> StepError:
    """A full disk, or a quota that is used up."""
    return StepError(f"no space left on the disk of {path}: make room and start again; nothing that was saved is lost")


def exit_on_error(main: Callable[[], None]) -> None:
    """Call `main`, mostly a command line; a StepError ends it with its sentence on stderr and exit code 1."""
    try:
        main()
    except StepError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"error: {no_space(Path(error.filename or '.'))}")
