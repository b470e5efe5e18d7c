"""Work for the network, off the event loop: so many at a time, so many waiting, no more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from starlette.requests import Request

from photochrom.web import trouble

T = TypeVar("T")

RETRY = 2
"""Seconds after which one who was turned away may come again."""


class Lane:
    """Requests of which only the newest is wanted: it takes the place of one that still waits."""

    waiting: asyncio.Future[None] | None = None


class Queue:
    """Threads for what takes longer than a moment.

    Args:
        at_once: pieces of work at a time.
        most: pieces that may wait.
        seconds: how long one may wait and take before it is answered that it does.
    """

    def __init__(self, at_once: int, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.working = 0
        self._at_once = at_once
        self._line: deque[asyncio.Future[None]] = deque()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="colour")

    @property
    def waiting(self) -> int:
        """Pieces of work whose turn has not come."""
        return len(self._line)

    async def run(self, request: Request, work: Callable[[], T], lane: Lane | None = None) -> T:
        """The result of some work.

        Args:
            request: whose client may hang up meanwhile; its body has been read.
            work: what to do, in a thread.
            lane: of requests that take each other's place.

        Raises:
            Trouble: the queue is full, the work is needless by now, or it takes too long.
        """
        if lane is not None and lane.waiting is not None:
            self._dismiss(lane.waiting)
        try:
            async with asyncio.timeout(self.seconds):
                if self.working >= self._at_once:
                    await self._turn(request, lane)
                else:
                    self.working += 1
                future = asyncio.get_running_loop().run_in_executor(self._threads, work)
                future.add_done_callback(self._done)
                return await asyncio.shield(future)  # a thread cannot be stopped
        except TimeoutError:
            raise trouble.late(self.seconds) from None

    async def _turn(self, request: Request, lane: Lane | None) -> None:
        """Come back with a place to work at."""
        if len(self._line) >= self.most:
            raise trouble.busy(RETRY)
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        if lane is not None:
            lane.waiting = turn
        watch = asyncio.create_task(self._watch(request, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave()  # it had been given a place at the same moment
            raise
        finally:
            watch.cancel()
            with suppress(ValueError):
                self._line.remove(turn)
            if lane is not None and lane.waiting is turn:
                lane.waiting = None

    async def _watch(self, request: Request, turn: asyncio.Future[None]) -> None:
        """Take one out of the line whose client hangs up."""
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self._dismiss(turn)

    def _dismiss(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            turn.set_exception(trouble.superseded())
            self._line.remove(turn)

    def _done(self, future: asyncio.Future[T]) -> None:
        if not future.cancelled():
            future.exception()  # it was told to whoever still listens
        self._leave()

    def _leave(self) -> None:
        """Give the place to who waits longest."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():  # else it has given up
                turn.set_result(None)
                return
        self.working -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
