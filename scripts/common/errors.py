"""How a step says what is wrong: one sentence that names the file or key and what to do."""

import sys
from collections.abc import Callable


class StepError(Exception):
    """Something the user can mend. The message is one sentence: what is wrong with which file, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a step's command line; a StepError ends it with its sentence on stderr and exit code 1."""
    try:
        main()
    except StepError as error:
        sys.exit(f"error: {error}")
