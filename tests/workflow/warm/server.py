"""Import what snakemake, the steps and the fakes import of other people's, and fork a keeper for each client.

python -m tests.workflow.warm.server DESCRIPTOR   of a socket that listens; it ends when its stdin is closed
"""

import importlib
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from tests.workflow.warm import child
from tests.workflow.warm.keeper import keep

# Never ours: tests edit copies of it. Nor fairseq and espnet2: the fakes have their names.
LIBRARIES = [
    "argparse_dataclass",
    "encodings.idna",
    "graphlib",
    "jsonschema",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "numpy",
    "pandas",
    "pandas.io.formats.csvs",
    "platformdirs",
    "pypinyin.contrib.tone_convert",
    "regex",
    "smart_open",
    "snakemake.cli",
    "snakemake.benchmark",
    "snakemake.linting.snakefiles",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake.storage",
    "snakemake_logger_plugin_rich",
    "soundfile",
    "statistics",
    "torch",
    "torch.utils.serialization.config",
    "wave",
    "yaml",
]
NEVER = {"scripts", "fairseq", "espnet2", "torchaudio"}


def main() -> None:
    """Serve until stdin is closed: by whoever started this, or by their end."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is for the tests, and they close stdin
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers leave no zombies
    _import()
    child.prepare()
    waiting = select.poll()
    waiting.register(sys.stdin, select.POLLIN)
    waiting.register(listener, select.POLLIN)
    while sys.stdin.fileno() not in {descriptor for descriptor, _ in waiting.poll()}:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _keep(connection)
        connection.close()


def _import() -> None:
    """What a fork must not find: a second thread, an open file, modules of ours."""
    for library in LIBRARIES:
        importlib.import_module(library)
    importlib.import_module("snakemake.cli").get_argument_parser()  # imports snakemake's plugins
    found = NEVER & {name.split(".")[0] for name in sys.modules}
    assert not found, f"imported with the libraries: {found}"
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a library has started a thread"


def _keep(connection: socket.socket) -> NoReturn:
    try:
        keep(connection)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


if __name__ == "__main__":
    main()
