"""Turn a fork of the server into the python that a client asks for, run it, and end as it would."""

import atexit
import gc
import io
import linecache
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import ModuleType, TracebackType
from typing import NoReturn

import numpy as np

from tests.workflow.warm import memory
from tests.workflow.warm.request import Request

IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
CANNOT_BE_SET = {signal.SIGKILL, signal.SIGSTOP}
LIBRARY = list(sys.path[1:])  # without the working directory, from which the server was started
OURS: list[str] = []  # modules of the server itself
OUTPUT_LOST = 120  # python's exit code where it could not write out all that was printed


def prepare() -> None:
    """What can be done once for all children, in the server: memory that a child touches is copied for it."""
    OURS[:] = [name for name in sys.modules if name.split(".")[0] == "tests"]
    np.random.seed()  # the first time, it imports more
    linecache.clearcache()
    for directory in [path for path in sys.path_importer_cache if not path.startswith(tuple(LIBRARY))]:
        del sys.path_importer_cache[directory]
    for tidying in weakref.finalize._registry:  # 134 of torch's, of what is in memory: 40 ms at each child's end
        tidying.atexit = False
    gc.collect()
    gc.freeze()
    memory.collapse()


def run(request: Request) -> NoReturn:
    """Be that python."""
    _take_descriptors(request)
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    code = _renew_interpreter(request)
    status = _outcome(request, code)
    _finish()
    if not _flush() and status == 0:
        status = OUTPUT_LOST
    if status == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def _take_descriptors(request: Request) -> None:
    """The objects sys.stdin, stdout and stderr stay: libraries have kept them. They go by number."""
    os.fchdir(request.directory)
    for number, descriptor in enumerate(request.descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))


def _take_signals(request: Request) -> None:
    for number in signal.valid_signals() - CANNOT_BE_SET:
        ignored = number in request.ignored or number in IGNORED_BY_PYTHON
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    if signal.SIGINT not in request.ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, request.blocked)


def _renew_interpreter(request: Request) -> Callable[[], None]:
    """Put in place what a new python has; what it is to run."""
    for name in OURS:
        del sys.modules[name]
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__annotations__={}, __builtins__=sys.modules["builtins"], __loader__=BuiltinImporter)
    np.random.seed()
    tempfile.tempdir = None
    sys.executable = request.executable
    sys.orig_argv = [request.executable, *request.words]
    first, sys.argv, code = _form(request.words, main)
    sys.path[:] = [first, *_without_repetitions([*_search_path(request.environment), *LIBRARY])]
    return code


def _form(words: list[str], main: ModuleType) -> tuple[str, list[str], Callable[[], None]]:
    """The first entry of sys.path, sys.argv, and what is run."""
    if words[0] == "-m":
        module = words[1]
        return os.getcwd(), ["-m", *words[2:]], lambda: runpy._run_module_as_main(module)
    if words[0] == "-c":
        source = words[1]
        return "", ["-c", *words[2:]], lambda: exec(compile(source, "<string>", "exec"), main.__dict__)
    script = words[0]
    return os.path.dirname(os.path.realpath(script)), list(words), lambda: _run_script(script, main)


def _run_script(word: str, main: ModuleType) -> None:
    main.__file__ = script = os.path.join(os.getcwd(), word)
    main.__loader__ = SourceFileLoader("__main__", script)
    main.__dict__["__cached__"] = None
    with open(script, "rb") as file:
        source = file.read()
    exec(compile(source, script, "exec"), main.__dict__)


def _search_path(environment: dict[str, str]) -> list[str]:
    given = environment.get("PYTHONPATH")
    return given.split(os.pathsep) if given else []


def _without_repetitions(paths: list[str]) -> list[str]:
    """As the module site leaves them."""
    return list(dict.fromkeys(os.path.abspath(path) for path in paths))


def _outcome(request: Request, code: Callable[[], None]) -> int:
    """Run it: its exit code, or -SIGINT where it was interrupted. What it did not catch is printed."""
    try:
        _take_signals(request)
        code()
    except SystemExit as end:
        return _exit_code(end.code)
    except BaseException as error:
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _without_ours(frames: TracebackType | None) -> TracebackType | None:
    """Without the first frames, which are this module's."""
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return frames


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _finish() -> None:
    """As Py_FinalizeEx does: wait for threads, and run the functions for the exit."""
    _cancel_snakemakes_timers()
    for ending in (threading._shutdown, atexit._run_exitfuncs):
        try:
            ending()
        except BaseException:  # as a rule a second SIGINT: python goes on
            traceback.print_exc()


def _cancel_snakemakes_timers() -> None:
    """Its scheduler starts some of a second each, which wake it up for more jobs; at the end python waits for them."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread.function.__module__ == "snakemake.scheduling.job_scheduler":
            thread.cancel()


def _flush() -> bool:
    """Whether all that was printed could be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception as error:
            if stream is sys.stdout:
                print(f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}", file=sys.stderr)
            return False
    return True
