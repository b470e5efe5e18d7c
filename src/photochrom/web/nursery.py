"""Where children come from.

On Linux they are forked from a process that has imported everything and does nothing else, so that
one is there within some milliseconds and shares its memory with the others. Elsewhere forking is
not safe, and each is started anew.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing.connection import Connection

from PIL import Image

from photochrom.image import heif
from photochrom.web.child import Child, work

_NEEDED = "photochrom.web.engine", "imagecodecs", "tifffile"
_BEGIN = "import sys; sys.path[:] = sys.argv[1:]; from photochrom.web.nursery import nurse; nurse()"
_WAIT = 60
"""Seconds after which the process that others are forked from is taken for dead."""
_NUMBER = struct.Struct("q")


def prepare() -> None:
    """Begin to import what children need, so that the first is there sooner."""
    if sys.platform == "linux":
        _nursery()


def bear(memory: int) -> Child:
    """A new child, which ends with this process.

    Args:
        memory: bytes by which it may grow.
    """
    if sys.platform != "linux":
        return _started(memory)
    nursery = _nursery()
    try:
        return nursery.bear(memory)
    except (OSError, EOFError):  # somebody has killed it
        return _nursery(instead_of=nursery).bear(memory)


def _started(memory: int) -> Child:
    """A child without a nursery."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, memory), daemon=True)
    process.start()
    theirs.close()

    def bury() -> int:
        process.join()
        return process.exitcode or 0

    return Child(ours, process.kill, bury)


class _Nursery:
    """The process that children are forked from; threads may share it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(_WAIT)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, *sys.path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is not for it
            )

    def bear(self, memory: int) -> Child:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            child = self._ask(memory, [theirs.fileno()])

        def bury() -> int:
            try:
                return self._ask(child)
            except (OSError, EOFError):  # the nursery is no more, and has taken it along
                return -signal.SIGKILL

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

        return Child(ours, kill, bury)

    def close(self) -> None:
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, number: int, handles: list[int] | None = None) -> int:
        with self._lock:
            try:
                socket.send_fds(self._line, [_NUMBER.pack(number)], handles or [])
                told = self._line.recv(_NUMBER.size)
            except OSError:
                self._line.close()  # or a late answer would be taken for the next
                raise
        if not told:
            raise EOFError
        return int(_NUMBER.unpack(told)[0])


_only: _Nursery | None = None
_turn = threading.Lock()


def _nursery(instead_of: _Nursery | None = None) -> _Nursery:
    """The one of this process; another instead of one that is dead."""
    global _only
    with _turn:
        if _only is not None and _only is instead_of:
            _only.close()
            _only = None
        _only = _only or _Nursery()
        return _only


def nurse() -> None:
    """Bear children for the process at the other end of standard input, bury them, end with it."""
    for name in _NEEDED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    heif.available()
    Image.init()
    line = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    alive = set[int]()
    while True:
        told, handles, *_ = socket.recv_fds(line, _NUMBER.size, 1)
        if not told:  # also where it was killed
            break
        (number,) = _NUMBER.unpack(told)
        if handles:
            answer = os.fork()
            if not answer:
                line.close()
                os.dup2(nothing, 2)  # what codecs print there may be of the photo
                try:
                    work(Connection(handles[0]), number)
                finally:
                    os._exit(0)
            os.close(handles[0])
            alive.add(answer)
        else:
            alive.discard(number)
            answer = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        line.send(_NUMBER.pack(answer))
    for child in alive:
        os.kill(child, signal.SIGKILL)
