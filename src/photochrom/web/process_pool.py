"""What works on a photo is done in worker processes: whatever it does costs that photo.

On Linux they are forked from a process that has imported everything and does nothing else, so that
one is there within some milliseconds and shares its memory with the others; that of multiprocessing
would import the user's script once more. Elsewhere forking is not safe, and each is started anew.
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
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar, cast

from PIL import Image

from photochrom.image.pillow import heif_available
from photochrom.web import problems
from photochrom.web.problems import RequestProblem
from photochrom.web.worker_process import WorkerProcess, give_way, run_worker

P = ParamSpec("P")
T = TypeVar("T")

_FOR_MEMORY = (-signal.SIGABRT, -getattr(signal, "SIGKILL", signal.SIGABRT))
"""How a process ends that lacks memory: of itself, or by the system."""
_PRELOADED = "photochrom.web.engine", "imagecodecs", "tifffile"
_BEGIN = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from photochrom.web.process_pool import run_fork_server; run_fork_server()"
)
_WAIT = 60
"""Seconds after which the process that others are forked from is taken for dead."""
_NUMBER = struct.Struct("q")


class ProcessPool:
    """Processes that have nothing to do; more are started when needed. Threads may share it.

    Args:
        memory: bytes that one may take over a photo.
        most: processes that there may be; who wants another waits. None for any number.
        nice: by how much others come before them.
    """

    def __init__(self, memory: int, most: int | None = None, nice: int = 0) -> None:
        self.memory, self.nice = memory, nice
        self._idle: list[WorkerProcess] = []
        self._taken: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self._places = None if most is None else threading.Semaphore(most)
        self._open = True

    def take(self) -> WorkerProcess:
        """One to work with."""
        if self._places is not None:
            self._places.acquire()
        try:
            process = self._take_idle() or self._start()
        except BaseException:
            self._leave()
            raise
        with self._lock:
            self._taken.add(process)
        return process

    def _start(self) -> WorkerProcess:
        process = start_worker(self.memory)
        try:
            if self.nice:
                process.call(give_way, self.nice)
        except BaseException:
            process.close()
            raise
        return process

    def _take_idle(self) -> WorkerProcess | None:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None or process.alive:
                return process
            process.close()

    def give_back(self, process: WorkerProcess, *, worn: bool = False) -> int:
        """Keep one for the next photo; or end it if it is worn, and tell how it ended, else 0."""
        with self._lock:
            self._taken.discard(process)
            kept = self._open and not worn
            if kept:
                self._idle.append(process)
        status = 0 if kept else process.close()
        self._leave()
        return status

    def _leave(self) -> None:
        if self._places is not None:
            self._places.release()

    def numbers(self) -> list[int]:
        """By which the system knows its processes."""
        with self._lock:
            return [process.number for process in (*self._idle, *self._taken)]

    def close(self) -> None:
        """End those that have nothing to do, and the others when they are given back."""
        with self._lock:
            self._open, idle, self._idle = False, self._idle, []
        for process in idle:
            process.close()


class WorkerTask:
    """Work on one photo, which can be cancelled.

    Args:
        pool: of the process that does it; it may be told later, before it is run.
    """

    def __init__(self, pool: ProcessPool | None = None) -> None:
        self.pool = pool
        self._process: WorkerProcess | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of ``function(...)`` in a worker process.

        Raises:
            RequestProblem: it has one, ends the process, or was cancelled.
        """
        assert self.pool is not None
        process = self.pool.take()
        with self._lock:
            self._process, cancelled = process, self._cancelled
        outcome = None
        try:
            if not cancelled:
                outcome = process.call(function, *args, **kwargs)
        except (EOFError, OSError):
            pass
        except BaseException:  # it cannot be sent: a mistake of ours
            self._release(process, worn=True)
            raise
        status = self._release(process, worn=outcome is None or outcome.worn)
        if outcome is None:
            raise self._end_problem(status)
        if outcome.problem is not None:
            raise outcome.problem
        return cast("T", outcome.value)

    def cancel(self) -> None:
        """End what is done for it, at once, from any thread."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()

    def _release(self, process: WorkerProcess, *, worn: bool) -> int:
        with self._lock:
            self._process = None
            worn = worn or self._cancelled
        assert self.pool is not None
        return self.pool.give_back(process, worn=worn)

    def _end_problem(self, status: int) -> RequestProblem:
        if self._cancelled:
            return problems.superseded()
        if status in _FOR_MEMORY:
            return problems.out_of_memory()
        return problems.failed(
            "This photo could not be read: save it again in another program first."
        )


# --- where processes come from ----------------------------------------------------------------


def prepare() -> None:
    """Begin to import what worker processes need, so that the first is there sooner."""
    if sys.platform == "linux":
        _fork_server()


def fork_server_numbers() -> list[int]:
    """By which the system knows the process that others are forked from, if there is one."""
    with _only_lock:
        return [] if _only is None else [_only.number]


def start_worker(memory: int) -> WorkerProcess:
    """A new worker process, which ends with this one.

    Args:
        memory: bytes by which it may grow.
    """
    if sys.platform != "linux":
        return _spawn_worker(memory)
    server = _fork_server()
    try:
        return server.fork_worker(memory)
    except (OSError, EOFError):  # somebody has killed it
        return _fork_server(instead_of=server).fork_worker(memory)


def _spawn_worker(memory: int) -> WorkerProcess:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_worker, args=(theirs, memory), daemon=True)
    process.start()
    theirs.close()

    def wait() -> int:
        process.join()
        return process.exitcode or 0

    assert process.pid is not None
    return WorkerProcess(ours, process.pid, process.kill, wait)


class _ForkServer:
    """The process that others are forked from; threads may share it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(_WAIT)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, *sys.path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is not for it
            )
        self.number = self._process.pid

    def fork_worker(self, memory: int) -> WorkerProcess:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            pid = self._ask(memory, [theirs.fileno()])

        def wait() -> int:
            try:
                return self._ask(pid)
            except (OSError, EOFError):  # the fork server is no more, and has taken it along
                return -signal.SIGKILL

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        return WorkerProcess(ours, pid, kill, wait)

    def close(self) -> None:
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, number: int, handles: list[int] | None = None) -> int:
        """With a handle: fork, and answer the pid; without: answer how that pid ended."""
        with self._lock:
            try:
                socket.send_fds(self._line, [_NUMBER.pack(number)], handles or [])
                answer = self._line.recv(_NUMBER.size)
            except OSError:
                self._line.close()  # or a late answer would be taken for the next
                raise
        if not answer:
            raise EOFError
        return int(_NUMBER.unpack(answer)[0])


_only: _ForkServer | None = None
_only_lock = threading.Lock()


def _fork_server(instead_of: _ForkServer | None = None) -> _ForkServer:
    """The one of this process; another instead of one that is dead."""
    global _only
    with _only_lock:
        if _only is not None and _only is instead_of:
            _only.close()
            _only = None
        _only = _only or _ForkServer()
        return _only


def run_fork_server() -> None:
    """Fork workers for the process at the other end of standard input, wait for their ends, and
    end with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a service may be told to end by
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    heif_available()
    Image.init()
    line = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    alive = set[int]()
    while True:
        request, handles, *_ = socket.recv_fds(line, _NUMBER.size, 1)
        if not request:  # also where it was killed
            break
        (number,) = _NUMBER.unpack(request)
        if handles:
            answer = os.fork()
            if not answer:
                line.close()
                os.dup2(nothing, 2)  # what codecs print there may be of the photo
                try:
                    run_worker(Connection(handles[0]), number)
                finally:
                    os._exit(0)
            os.close(handles[0])
            alive.add(answer)
        else:
            alive.discard(number)
            answer = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        line.send(_NUMBER.pack(answer))
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
