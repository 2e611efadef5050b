"""tests/workflow/warm: a python with a warm start finds and leaves what one does that is started anew."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.conftest import FAKES, WARM, Project, environment_of_fakes

Run = Callable[..., subprocess.CompletedProcess[str]]

FACTS = """
import gc, json, locale, os, resource, signal, subprocess, sys, tempfile, threading, time
descriptors = [f"/proc/self/fd/{number}" for number in range(99)]
streams = [sys.stdin, sys.stdout, sys.stderr]
print(json.dumps({
    "words": [sys.argv, sys.orig_argv[1:], sys.warnoptions],
    "flags": {name: getattr(sys.flags, name) for name in dir(sys.flags) if name in sys.flags.__match_args__},
    "main": [__name__, __doc__, globals().get("__file__"), __package__, __spec__ and __spec__.name, sorted(globals())],
    "path": sys.path,
    "environment": {name: value for name, value in os.environ.items() if name != "WARM_START"},
    "shell's": subprocess.check_output("env | grep -v WARM_START | sort", shell=True, text=True),
    "directory": [os.getcwd(), tempfile.gettempdir(), oct(os.umask(0))],
    "limits": [resource.getrlimit(limit) for limit in range(16)],
    "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "descriptors": [os.readlink(path).split(":")[0] for path in descriptors if os.path.islink(path)],
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s.fileno()] for s in streams],
    "locale": [locale.getlocale(), time.tzname],
    "threads": [threading.current_thread() is threading.main_thread(), threading.active_count(), threading.get_ident()
                == threading.main_thread().ident, os.listdir("/proc/self/task") == [str(os.getpid())]],
    "collector": [gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit(), sys.getswitchinterval()],
    "ours": [name for name in sys.modules if name.split(".")[0] in ("tests", "scripts", "fairseq", "espnet2")],
    "input": sys.stdin.read(),
}))
"""

ENDINGS = {
    "code": "import sys; print('out'); sys.exit(3)",
    "sentence": "import sys; print('out'); sys.exit('what is wrong')",
    "negative code": "raise SystemExit(-1)",
    "large code": "raise SystemExit(263)",
    "nothing": "raise SystemExit",
    "exception": "def f(): raise ValueError('甲')\nprint('out')\nf()",
    "chained": "try: 1 / 0\nexcept ZeroDivisionError as e: raise OSError(28, 'full', 'name') from e",
    "not python": "print(",
    "interrupt": "print('out'); raise KeyboardInterrupt",
    "abrupt": "import os; print('out', flush=True); os._exit(9)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGTERM": "import os; os.kill(os.getpid(), 15)",
    "SIGSEGV": "import os; os.kill(os.getpid(), 11)",
    "at exit": "import atexit; atexit.register(print, 'last'); print('out'); raise SystemExit(4)",
    "threads": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()",
    "both streams": "import sys; print('a'); print('b', file=sys.stderr); print('c'); sys.stdout.write('d')",
}


@pytest.fixture
def cold(tmp_path: Path) -> Run:
    """A function that runs python on words, with the fakes, started anew."""
    return lambda *words, **options: call(words, tmp_path, {}, options)


@pytest.fixture
def warm(tmp_path: Path) -> Run:
    """The same, with a warm start."""
    return lambda *words, **options: call(words, tmp_path, WARM.environment, options)


def call(words: tuple[str, ...], directory: Path, server: dict[str, str], options: dict) -> subprocess.CompletedProcess:
    environment = environment_of_fakes()
    environment.pop("WARM_START", None)
    environment |= server | options.pop("variables", {})
    settings = {"input": "", "capture_output": True, "text": True, "cwd": directory} | options
    made = subprocess.run(["python", *words], env=environment, **settings)
    for stream in ("stdout", "stderr"):  # where a real one names itself
        said = (getattr(made, stream) or "").replace(str(FAKES / "bin/python"), sys.executable)
        setattr(made, stream, said)
    return made


def outcome(made: subprocess.CompletedProcess) -> tuple[int, str, str]:
    return made.returncode, made.stdout, made.stderr


def unusual() -> None:
    """What a process may inherit."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))


@pytest.mark.parametrize("form", ["command", "module", "package", "script", "script elsewhere"])
@pytest.mark.parametrize("inherited", ["usual", "unusual"])
def test_what_a_python_finds(tmp_path: Path, cold: Run, warm: Run, form: str, inherited: str) -> None:
    """All but sys.executable, which is the shim that starts warm ones, and what is said in warm/__init__.py."""
    for file in ("fact/facts.py", "fact/__main__.py", "fact/__init__.py", "facts.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("" if "init" in file else FACTS)
    words = {
        "command": ["-c", FACTS],
        "module": ["-m", "fact.facts"],
        "package": ["-m", "fact"],
        "script": ["facts.py"],
        "script elsewhere": [str(tmp_path / "fact/facts.py")],
    }[form]
    options: dict = {"input": "甲\n乙"}
    if inherited == "unusual":
        variables = {"PYTHONPATH": "somewhere:/else:somewhere", "PYTHONNOUSERSITE": "1", "TMPDIR": str(tmp_path)}
        options |= {"variables": {**variables, "TZ": "Asia/Shanghai"}, "umask": 0o027, "preexec_fn": unusual}
    expected, found = (json.loads(run(*words, "a word", "", **options).stdout) for run in (cold, warm))
    assert found.keys() == expected.keys()
    expected["flags"]["no_user_site"] = 1
    for fact, value in found.items():
        assert value == expected[fact], fact
    assert found["ours"] == [] and found["input"] == "甲\n乙"


def test_it_is_warm(warm: Run, cold: Run) -> None:
    """And holds nothing of ours, after steps have run as well."""
    assert warm("-c", "import sys; sys.exit('torch' in sys.modules)").returncode == 1
    assert cold("-c", "import sys; sys.exit('torch' in sys.modules)").returncode == 0
    with_repository = {"PYTHONPATH": str(FAKES.parents[2])}
    assert "usage" in warm("-m", "scripts.evaluate.score_cer", "--help", variables=with_repository).stdout
    loaded = warm("-c", "import sys; print(*{name.split('.')[0] for name in sys.modules})").stdout.split()
    assert {"numpy", "pandas", "snakemake", "torch"} <= set(loaded)
    assert not {"scripts", "tests", "fairseq", "espnet2", "pytest"} & set(loaded)


@pytest.mark.parametrize("source", ENDINGS.values(), ids=ENDINGS)
def test_how_a_python_ends(tmp_path: Path, cold: Run, warm: Run, source: str) -> None:
    (tmp_path / "ending.py").write_text(source)
    for words in (["-c", source], ["-m", "ending"], ["ending.py"]):
        assert outcome(warm(*words)) == outcome(cold(*words))


@pytest.mark.parametrize(
    "words",
    [["-m", "nothing"], ["nothing.py"], ["-V"], ["-S", "-c", "import sys; print(sys.path, sys.flags)"], ["."], ["-"]],
    ids=" ".join,
)
def test_other_calls(cold: Run, warm: Run, words: list[str]) -> None:
    options = {"input": "print(1)"}
    assert outcome(warm(*words, **options)) == outcome(cold(*words, **options))


def test_settings_of_the_start_are_followed(cold: Run, warm: Run) -> None:
    options = {"variables": {"PYTHONHASHSEED": "7", "LC_ALL": "POSIX"}}
    words = ["-c", "import sys; print(hash('a'), sys.stdout.errors)"]
    assert outcome(warm(*words, **options)) == outcome(cold(*words, **options))


def test_a_full_disk(cold: Run, warm: Run) -> None:
    """Where output is buffered it is lost after the last line has run: exit code 120."""
    made = []
    for run in (cold, warm):
        with open("/dev/full", "w") as full:
            made.append(outcome(run("-c", "print('lost')", stdout=full, stderr=subprocess.PIPE, capture_output=False)))
    assert made[0] == made[1] and made[0][0] != 0 and "No space left" in made[0][2]


def test_a_closed_descriptor(warm: Run, cold: Run) -> None:
    words = ["-c", "import sys; print(sys.stdin)"]
    for run in (cold, warm):
        shell = run("-c", "import os, sys; os.close(0); os.execvp('python', ['python', *sys.argv[1:]])", *words)
        assert shell.stdout == "None\n"


def test_chance_differs(warm: Run) -> None:
    numbers = "import random, tempfile, numpy; print(random.random(), numpy.random.rand(), tempfile.mktemp())"
    one, other = (warm("-c", numbers).stdout.split() for _ in range(2))
    assert all(a != b for a, b in zip(one, other, strict=True))


def test_edited_code_is_seen(tmp_path: Path, warm: Run) -> None:
    module = tmp_path / "module.py"
    for text in ("one", "another"):
        module.write_text(f"print('{text}')")
        assert warm("-m", "module").stdout == warm("-c", "import module").stdout == f"{text}\n"


def test_many_at_once(warm: Run, tmp_path: Path) -> None:
    """And words and variables of a few hundred thousand bytes."""
    long = "x" * 100_000
    processes = [
        subprocess.Popen(
            [
                "python",
                "-c",
                "import os, sys; print(len(sys.argv[1]) + len(os.environ['LONG']), sys.argv[2])",
                long,
                word,
            ],
            env=environment_of_fakes() | WARM.environment | {"LONG": long},
            stdout=subprocess.PIPE,
            text=True,
        )
        for word in map(str, range(20))
    ]
    for word, process in enumerate(processes):
        assert process.communicate()[0] == f"200000 {word}\n"


def test_a_whole_run_leaves_the_same_files(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte, but for numbers of processes and times. Here figures are painted, too."""
    made = []
    for is_on in (True, False):
        monkeypatch.setattr(WARM, "is_on", is_on)
        run = fresh.snakemake(REAL_FIGURES="1")
        assert run.code == 0, run.output
        made.append((run.rules, contents(fresh.directory / "results"), contents(fresh.directory / "logs")))
        for name in ("results", "logs", ".snakemake"):  # the corpora stay: lists have their folders' dates
            shutil.rmtree(fresh.directory / name)
    assert made[0][0] == made[1][0]
    for warm, cold in zip(made[0][1:], made[1][1:], strict=True):
        assert warm.keys() == cold.keys()
        assert [name for name, content in warm.items() if content != cold[name]] == []


def contents(directory: Path) -> dict[str, bytes]:
    """{path: content} of all files below a directory."""
    differs = re.compile(rb'"(seconds_in_this_job|pid|started|since)": .*|<section (id="time")(?s:.*?)</section>')
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): differs.sub(rb"\1\2", path.read_bytes()) for path in files}
