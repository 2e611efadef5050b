"""Have the server run a python with this process's arguments, environment and descriptors; end as it ends.

python -IS client.py EXECUTABLE WORDS...   where EXECUTABLE is to be sys.executable, and WORDS go to the python

It starts for every step, so it imports next to nothing: `signal` and `socket` would double its 9 ms.
"""

import _signal as signal
import _socket as socket
import os
import sys
from select import POLLIN, poll

FORWARDED = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
PARENT_DIED = b"\0"  # in place of a signal's number; this and the next line are keeper.py's as well
COLD = b"cold"


def connect() -> socket.socket | None:
    """A connection to the server; None where it is gone, or where stdin, stdout or stderr is closed."""
    try:
        for number in (0, 1, 2):
            os.fstat(number)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(os.environ["WARM_START"])
    except OSError:
        return None
    return connection


def tell(connection: socket.socket, what: bytes) -> None:
    """Tell the keeper, unless it has just ended."""
    try:  # noqa: SIM105, contextlib takes long to import
        connection.send(what)
    except OSError:
        pass


def request(blocked: set[int]) -> bytes:
    """What the child is to have, as fields that end in a zero byte: see request.py."""
    os.umask(umask := os.umask(0))
    ignored = [number for number in range(1, signal.NSIG) if signal.getsignal(number) == signal.SIG_IGN]
    numbers = (" ".join(map(str, field)) for field in ([umask], ignored, blocked))
    variables = [name + b"=" + value for name, value in os.environb.items()]
    words = [os.fsencode(word) for word in sys.argv[1:]]
    fields = [*(field.encode() for field in numbers), b"%d" % len(words), *words, *variables]
    return b"".join(field + b"\0" for field in fields)


def hand_over(connection: socket.socket) -> None:
    """Send it all. From then on signals go to the child; those that come meanwhile wait."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    message = request(blocked)
    directory = os.open(".", os.O_PATH)
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2, directory))
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
    connection.sendmsg([len(message).to_bytes(8, "big")], rights)
    connection.sendall(message)
    os.close(directory)
    for number in FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: tell(connection, bytes([number])))
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def answer(connection: socket.socket) -> bytes:
    """COLD, or the child's wait status as a number in words; empty where the keeper was killed.

    Meanwhile the keeper is told if this process's parent dies: the child may have asked to be told (prctl(2)).
    """
    waiting = poll()
    waiting.register(connection, POLLIN)
    parent = None
    try:
        parent = os.pidfd_open(os.getppid())
        waiting.register(parent, POLLIN)
    except OSError:  # it lives in another namespace
        pass
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if connection.fileno() in ready:
            return connection.recv(64)
        tell(connection, PARENT_DIED)
        waiting.unregister(parent)


def end_as(status: int) -> None:
    """End with the same exit code, or of the same signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def main() -> None:
    """Be a python with a warm start, or the real one where only that can do what is asked for."""
    connection = connect()
    if connection is not None:
        hand_over(connection)
        answered = answer(connection)
        if not answered:
            os.kill(os.getpid(), signal.SIGKILL)
        if answered != COLD:
            end_as(int(answered))
    real = os.environ["REAL_PYTHON"]
    os.execv(real, [real, *sys.argv[2:]])


main()
