"""A process that does one piece of work after another, and may be killed over it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from photochrom.errors import PhotochromError, kind_and_place
from photochrom.web import trouble
from photochrom.web.trouble import Trouble

_WORN = 400_000_000
"""Bytes by which a process may have grown for good; then another takes its place."""
_PARTS = struct.Struct("q")


class Answer(NamedTuple):
    """What came of a piece of work."""

    value: Any = None
    trouble: Trouble | None = None
    mistake: str | None = None
    """Kind and place of what nobody has foreseen, for the log."""
    worn: bool = False
    """Whether the process has grown so much that it should not go on."""


class Child:
    """A process that works for this one.

    Args:
        connection: to it.
        kill: ends it at once.
        bury: waits for its end; tells its status as ``subprocess`` does: a signal as -number.
    """

    def __init__(
        self, connection: Connection, kill: Callable[[], object], bury: Callable[[], int]
    ) -> None:
        self._connection, self._kill, self._bury = connection, kill, bury
        self._ended = False
        self._lock = threading.Lock()

    def ask(self, function: Callable[..., Any], data: bytes, *given: Any, **options: Any) -> Answer:
        """What ``function(data, *given, **options)`` returns there; all of it has to be picklable.

        Raises:
            EOFError, OSError: it has come to its end.
        """
        _send(self._connection, (function, pickle.PickleBuffer(data), given, options))
        answer = _receive(self._connection)
        assert isinstance(answer, Answer)
        return answer

    @property
    def lives(self) -> bool:
        """Whether it waits for work; nothing is said before it is asked, so that is its end."""
        return not self._connection.poll()

    def kill(self) -> None:
        """End it at once, from any thread; who waits for its answer is told."""
        with self._lock:
            if not self._ended:
                self._kill()

    def end(self) -> int:
        """End it, and tell how it ended; for the thread that has it."""
        self.kill()
        with self._lock:
            self._ended = True  # from here on its number may be another's
        self._connection.close()
        return self._bury()


# --- in the child -----------------------------------------------------------------------------


def work(connection: Connection, memory: int) -> None:
    """Do what comes until nothing can come any more.

    Args:
        connection: to who sends it.
        memory: bytes by which this process may grow, where the system can see to it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: it is the server's
    warnings.filterwarnings("ignore", module="PIL")  # its remarks on files that are damaged
    _limit(memory)
    rest = _resident()
    try:
        while True:
            answer = _do(connection)
            _send(connection, answer._replace(worn=_resident() - rest > _WORN))
            del answer
    except (EOFError, OSError):
        return
    except MemoryError:
        os.abort()


def _do(connection: Connection) -> Answer:
    frames = _frames(connection)
    try:
        function, data, given, options = pickle.loads(frames[0], buffers=frames[1:])  # noqa: S301
        return Answer(function(data, *given, **options))
    except Exception as error:
        if _lacks_memory(error):
            return Answer(trouble=trouble.memory())
        if isinstance(error, PhotochromError):
            return Answer(trouble=trouble.of(error))
        return Answer(mistake=kind_and_place(error))


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether that is behind it, in the words of whichever library."""
    words = ("bad_alloc", "Insufficient memory", "Failed to allocate")
    while error is not None:
        if isinstance(error, MemoryError) or any(some in str(error) for some in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def _limit(memory: int) -> None:
    """No more memory than that beyond what there is; and no picture of it when it crashes."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if (held := _status("VmData")) is not None:
            # Of data, as the stacks and heaps of threads are only announced.
            resource.setrlimit(resource.RLIMIT_DATA, (held + memory, held + memory))


def _resident() -> int:
    """Bytes of memory that this process takes; 0 where nobody tells."""
    return _status("VmRSS") or 0


def _status(key: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return int(found[key].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


# --- between them -----------------------------------------------------------------------------


def _send(connection: Connection, value: Any) -> None:
    """Large parts go as they lie, without being copied into the pickle."""
    parts: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=parts.append)
    connection.send_bytes(_PARTS.pack(len(parts)) + head)
    for part in parts:
        connection.send_bytes(part.raw())


def _frames(connection: Connection) -> list[bytes]:
    head = connection.recv_bytes()
    (parts,) = _PARTS.unpack_from(head)
    return [head[_PARTS.size :], *(connection.recv_bytes() for _ in range(parts))]


def _receive(connection: Connection) -> Any:
    head, *parts = _frames(connection)
    return pickle.loads(head, buffers=parts)  # noqa: S301 - from a process of our own
