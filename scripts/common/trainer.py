"""Start a trainer of somebody else's (fairseq, ESPnet) and keep what it says."""

import os
import subprocess
from pathlib import Path

from scripts.common.errors import StepError
from scripts.common.provenance import REPOSITORY

LAST_LINES = 15


def environment() -> dict[str, str]:
    """What both trainers need: our modules, one thread a process, and checkpoints that hold more than tensors.

    More OpenMP threads than one slow both trainers down several times over (facebookresearch/fairseq#3342).
    """
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }


def run(command: list[str], log: Path) -> None:
    """Run a command to its end; all that it prints is appended to `log`.

    Raises StepError with the last lines where it fails or cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        try:
            ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment(), check=False)
        except FileNotFoundError:
            raise StepError(f"{command[0]} is not installed in this environment: see workflow/envs") from None
    if ended.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        print("\n".join(lines), flush=True)
        name = Path(command[0]).name
        raise StepError(f"{name} ended with exit code {ended.returncode}: see its last lines above, all in {log}")
