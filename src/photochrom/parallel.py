"""Work in threads: spread, a bounded stretch ahead of whoever takes the results; or set aside."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LEFT = "photochrom"
"""Name of threads that may be at work when the process ends, which then ends without them."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


def share_of_cores(at_once: int) -> int:
    """How many each of so many things that are done at a time may use; 1 at least."""
    return max(1, cores() // at_once)


def share_heaps() -> None:
    """Let threads have no more heaps from now on than there are cores.

    glibc makes up to eight a core, and what a thread has freed in its own no other can use: with
    four photos at a time on two cores that is a third more memory, which goes on growing for 400
    photos. For programs, as :func:`.share_cores` is; ``MALLOC_ARENA_MAX`` in the environment says
    otherwise.
    """
    _tell_malloc(MALLOC_ARENA_MAX=cores())


def keep_heap() -> None:
    """Keep what is freed from now on for what is asked for next.

    glibc gives large blocks back to the system, which has to clear every page that it hands out
    again. A network that trains on a CPU frees gigabytes in each step, and takes up to a quarter
    longer for that. For programs; ``MALLOC_MMAP_MAX_`` and ``MALLOC_TRIM_THRESHOLD_`` in the
    environment say otherwise.
    """
    _tell_malloc(MALLOC_MMAP_MAX_=0, MALLOC_TRIM_THRESHOLD_=-1)


def _tell_malloc(**options: int) -> None:
    """Set what the environment leaves open, where malloc is that of glibc."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with suppress(AttributeError):  # not glibc
        for name, value in options.items():
            if name not in os.environ:
                ctypes.CDLL(None).mallopt(_MALLOC[name], value)


_MALLOC = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_MAX_": -4, "MALLOC_ARENA_MAX": -8}
"""As the environment names them, and ``malloc.h`` of glibc numbers them."""


def map_ahead(
    function: Callable[[T], R], items: Iterable[T], workers: int, ahead: int | None = None
) -> Generator[R, None, None]:
    """Yield ``function(item)`` of each item in order, computed in threads before it is asked for.

    Closing it, or an error, starts nothing more and waits for what is under way.

    Args:
        function: for heavy work that lets go of Python's lock, such as decoding.
        items: are taken from in the caller's thread.
        workers: threads; 0 computes each result when it is asked for.
        ahead: results that may wait, which bounds the memory; by default twice the threads.

    Raises:
        Whatever ``function`` or ``items`` raise, in the place of that item's result.
    """
    if not workers:
        yield from map(function, items)
        return
    most = 2 * workers if ahead is None else ahead
    pool = ThreadPoolExecutor(workers, "photochrom-ahead")
    try:
        yield from submit_ahead(pool, function, items, most)
    finally:
        pool.shutdown(cancel_futures=True)


def submit_ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], ahead: int
) -> Generator[R, None, None]:
    """Do as :func:`map_ahead` in threads that are there, and stay.

    Closing it starts nothing more, and waits for nothing. So it may be left to Python to close,
    which does so in whichever thread comes by: one that waits for others there may wait for ever.
    """
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def begin_aside(work: Callable[[], R], name: str = "photochrom-aside") -> Callable[[], R]:
    """Begin work in a thread of its own, called that; answers what waits for its result."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    def result() -> R:
        while not wait([future], 0.2).done:  # Windows hears nothing while it waits without end
            pass
        return future.result()

    threading.Thread(target=run, name=name, daemon=True).start()
    return result


def map_side_by_side(function: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """Compute ``function(item)`` of each item, in order, in so many threads.

    A single one is the caller's own: the memory of a new thread is new, too, which for work that
    takes milliseconds costs a fifth of it.

    Raises:
        Whatever ``function`` or ``items`` raise.
    """
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def run_aside(work: Callable[[], R]) -> R:
    """Run work in a thread of its own, and wait for it so that Ctrl-C is heard meanwhile.

    What a thread is in may not hear it, such as the look-up of a host's name. Work that was
    interrupted goes on by itself, until the process ends.

    Raises:
        Whatever ``work`` raises.
    """
    return begin_aside(work)()
