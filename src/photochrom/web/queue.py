"""Work for the network, off the event loop: so many at a time, so many waiting, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from photochrom.web import trouble

T = TypeVar("T")

RETRY = 2
"""Seconds after which one who was turned away may come again."""


class Queue:
    """Threads for what takes longer than a moment.

    Args:
        at_once: pieces of work at a time.
        most: pieces that may wait.
        seconds: how long one may take before its answer is given up.
    """

    def __init__(self, at_once: int, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.working = self.waiting = 0
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="colour")
        self._free = asyncio.Semaphore(at_once)

    async def run(
        self,
        request: Request,
        work: Callable[[], T],
        *,
        unwanted: Callable[[], bool] = lambda: False,
    ) -> T:
        """The result of some work.

        Args:
            request: whose client may hang up meanwhile.
            work: what to do, in a thread.
            unwanted: asked when its turn comes: whether a newer request has made it needless.

        Raises:
            Trouble: the queue is full, the work is needless, or it takes too long.
        """
        if self.waiting >= self.most:
            raise trouble.busy(RETRY)
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        if unwanted() or await request.is_disconnected():
            self._free.release()
            raise trouble.superseded()
        self.working += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)  # a thread cannot be stopped: its place is taken
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.seconds)
        except TimeoutError:
            raise trouble.late(self.seconds) from None

    def _done(self, future: asyncio.Future[T]) -> None:
        self.working -= 1
        self._free.release()
        if not future.cancelled():
            future.exception()  # it was told to whoever still listens

    def close(self) -> None:
        """Let what is under way finish."""
        self._threads.shutdown(cancel_futures=True)
