"""The process between the server and one child: the child's parent, and what ties its life to the client's.

The keeper is in the client's process group where it can be, with signals blocked. So it can tell a signal for the whole
group, which the child has had as well, from one for the client alone, which has to be passed on.
"""

import os
import resource
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tests.workflow.warm import child
from tests.workflow.warm.request import receive

FORWARDED = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
PARENT_DIED = 0  # in place of a signal's number
COLD = b"cold"
GROUP = 0.02  # seconds within which a signal has reached all processes of a group
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"]


def keep(connection: socket.socket) -> NoReturn:
    """Start what the client asks for, in a child; tell the client how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    request = receive(connection)
    if request is None:
        os._exit(0)
    if not request.is_warm():
        with suppress(OSError):
            connection.send(COLD)
        os._exit(0)
    grouped = _join_group(request.client)
    number = os.fork()
    if number == 0:
        _name_process(f"warm {request.client}")
        if not grouped:
            os.setsid()
        _take_limits(request.client)
        child.run(request)
    _name_process("warm keeper")
    for descriptor in (*request.descriptors, request.directory):
        os.close(descriptor)
    _watch(connection, number, grouped)
    os._exit(0)


def _join_group(client: int) -> bool:
    try:
        os.setpgid(0, os.getpgid(client))
    except OSError:  # another session's
        return False
    return True


def _name_process(name: str) -> None:
    """At most 15 characters, which ps and psutil show. session.py looks for them."""
    Path("/proc/self/comm").write_text(name)


def _take_limits(client: int) -> None:
    """Those of ulimit and setrlimit."""
    with suppress(OSError, ValueError):  # it is gone, and the child will be; or they are above ours
        for limit in LIMITS:
            resource.setrlimit(limit, resource.prlimit(client, limit))


def _watch(connection: socket.socket, number: int, grouped: bool) -> None:
    """Until the child or the client has ended. A client that was killed takes the child with it."""
    process, is_ours = os.pidfd_open(number), True
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    waiting.register(process, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if process in ready:
            status = os.waitpid(number, 0)[1] if is_ours else 0
            with suppress(OSError):
                connection.send(str(status).encode())
            return
        said = _received(connection)
        if not said:
            _send(process, signal.SIGKILL)
            if is_ours:
                os.waitpid(number, 0)
            return
        for item in said:
            if item == PARENT_DIED:
                is_ours = is_ours and _succeed()
            elif not (grouped and signal.sigtimedwait({item}, GROUP)):
                _send(process, item)


def _received(connection: socket.socket) -> bytes:
    with suppress(ConnectionError):
        return connection.recv(64)
    return b""


def _send(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)


def _succeed() -> bool:
    """Die, as the client's parent did: whoever asked for a signal at its parent's death gets it. A copy goes on."""
    if os.fork():
        os._exit(0)
    return False
