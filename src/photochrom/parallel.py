"""Work in threads: spread, a bounded stretch ahead of whoever takes the results; or set aside."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


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


def run_aside(work: Callable[[], R]) -> R:
    """Run work in a thread of its own, and wait for it so that Ctrl-C is heard meanwhile.

    What a thread is in may not hear it, such as the look-up of a host's name. Work that was
    interrupted goes on by itself, until the process ends.

    Raises:
        Whatever ``work`` raises.
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="photochrom-aside", daemon=True).start()
    while not wait([future], 0.2).done:  # Windows hears nothing while it waits without end
        pass
    return future.result()
