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

from photochrom.web.problems import RequestProblem, as_problem

_WORN = 400_000_000
"""Bytes by which a process may have grown for good; then another takes its place."""
_PARTS = struct.Struct("q")


class WorkResult(NamedTuple):
    """What came of a piece of work."""

    value: Any = None
    problem: RequestProblem | None = None
    worn: bool = False
    """Whether the process has grown so much that it should not go on."""


class WorkerProcess:
    """A process that works for this one.

    Args:
        connection: to it.
        number: by which the system knows it.
        kill: ends it at once.
        wait: waits for its end; tells its status as ``subprocess`` does: a signal as -number.
    """

    def __init__(
        self,
        connection: Connection,
        number: int,
        kill: Callable[[], object],
        wait: Callable[[], int],
    ) -> None:
        self.number = number
        self._connection, self._kill, self._wait = connection, kill, wait
        self._ended = False
        self._lock = threading.Lock()

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> WorkResult:
        """What ``function(*args, **kwargs)`` returns there; all of it has to be picklable.

        Raises:
            EOFError, OSError: it has come to its end.
        """
        lying = [pickle.PickleBuffer(arg) if isinstance(arg, bytes) else arg for arg in args]
        _send(self._connection, (function, lying, kwargs))
        outcome = _unpickle(_receive_frames(self._connection))
        assert isinstance(outcome, WorkResult)
        return outcome

    @property
    def alive(self) -> bool:
        """Whether it waits for work; it says nothing before it is called, so that is its end."""
        return not self._connection.poll()

    def kill(self) -> None:
        """End it at once, from any thread; who waits for its outcome is told."""
        with self._lock:
            if not self._ended:
                self._kill()

    def close(self) -> int:
        """End it, and tell how it ended; for the thread that has it."""
        self.kill()
        with self._lock:
            self._ended = True  # from here on its number may be another's
        self._connection.close()
        return self._wait()


# --- in the process ---------------------------------------------------------------------------


def run_worker(connection: Connection, memory: int) -> None:
    """Do what comes until nothing can come any more.

    Args:
        connection: to who sends it.
        memory: bytes by which this process may grow, where the system can see to it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: it is the server's
    warnings.filterwarnings("ignore", module="PIL")  # its remarks on files that are damaged
    _limit_memory(memory)
    at_rest = _status("VmRSS") or 0
    try:
        while True:
            outcome = _do_next(connection)
            grown = (_status("VmRSS") or 0) - at_rest
            _send(connection, outcome._replace(worn=grown > _WORN))
            del outcome
    except (EOFError, OSError):
        return
    except MemoryError:
        os.abort()


def give_way(nice: int) -> None:
    """Let others of this machine come before this process, where the system has a way to say so."""
    with contextlib.suppress(AttributeError, OSError):  # Windows
        os.nice(nice)


def _do_next(connection: Connection) -> WorkResult:
    frames = _receive_frames(connection)
    try:
        function, args, kwargs = _unpickle(frames)
        return WorkResult(function(*args, **kwargs))
    except Exception as error:
        return WorkResult(problem=as_problem(error))


def _limit_memory(memory: int) -> None:
    """No more memory than that beyond what there is; and no picture of it when it crashes."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if (held := _status("VmData")) is not None:
            # Of data, as the stacks and heaps of threads are only announced.
            resource.setrlimit(resource.RLIMIT_DATA, (held + memory, held + memory))


def _status(key: str) -> int | None:
    """Bytes of that kind of memory that this process takes; None where nobody tells."""
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


def _receive_frames(connection: Connection) -> list[bytes]:
    head = connection.recv_bytes()
    (parts,) = _PARTS.unpack_from(head)
    return [head[_PARTS.size :], *(connection.recv_bytes() for _ in range(parts))]


def _unpickle(frames: list[bytes]) -> Any:
    return pickle.loads(frames[0], buffers=frames[1:])  # noqa: S301 - from our own process
