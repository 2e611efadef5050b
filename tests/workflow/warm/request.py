"""What a client asks for, and the descriptors that it hands over."""

import os
import socket
import stat
import struct
from dataclasses import dataclass

# What only a python that starts can follow; others of their kind are read after the start, or by nobody.
AT_START = ("PYTHON", "LC_", "LANG")
MAY_DIFFER = {"PYTHONPATH", "PYTHONNOUSERSITE"}
LENGTH = struct.Struct(">Q")
DESCRIPTORS = 4  # stdin, stdout, stderr, working directory
CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True)
class Request:
    """A python that is to be started: all that a process inherits, but for what is left out in __init__.py."""

    client: int  # process number
    descriptors: list[int]  # stdin, stdout, stderr
    directory: int  # descriptor of the working directory
    umask: int
    ignored: set[int]  # signals
    blocked: set[int]
    executable: str
    words: list[str]
    environment: dict[str, str]

    def is_warm(self) -> bool:
        """Whether a fork can do it: -m, -c or a script, no other options, and the settings of the server's start."""
        return self._has_a_known_form() and _settings(self.environment) == _settings(os.environ)

    def _has_a_known_form(self) -> bool:
        match self.words:
            case ["-m" | "-c", _, *_]:
                return True
            case [script, *_] if script and not script.startswith("-"):
                try:
                    return stat.S_ISREG(os.stat(script, dir_fd=self.directory).st_mode)
                except OSError:
                    return False
        return False


def _settings(environment: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(AT_START) and name not in MAY_DIFFER and value
    }


def receive(connection: socket.socket) -> Request | None:
    """A request; None where the client is gone."""
    try:
        head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, DESCRIPTORS)
        if len(head) < LENGTH.size or len(descriptors) < DESCRIPTORS:
            return None
        body = _exactly(connection, LENGTH.unpack(head)[0])
    except (OSError, EOFError):
        return None
    umask, ignored, blocked, count, *rest = (os.fsdecode(field) for field in body.split(b"\0")[:-1])
    executable, *words = rest[: int(count)]
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return Request(
        client=CREDENTIALS.unpack(credentials)[0],
        descriptors=descriptors[:3],
        directory=descriptors[3],
        umask=int(umask),
        ignored={int(number) for number in ignored.split()},
        blocked={int(number) for number in blocked.split()},
        executable=executable,
        words=words,
        environment=dict(variable.split("=", 1) for variable in rest[int(count) :]),
    )


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
