"""Work spread over threads, a bounded stretch ahead of whoever takes the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


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
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, "photochrom-ahead")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
