"""Work for the network, off the event loop: so many at a time, so many waiting, no more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from photochrom.web import problems
from photochrom.web.access import client_address
from photochrom.web.problems import RequestProblem

T = TypeVar("T")
Turn = asyncio.Future[None]

RETRY = 2
"""Seconds after which one who was turned away may come again."""


class Lane:
    """Requests of which only the newest is wanted: it takes the place of one that still waits."""

    waiting: Turn | None = None


class WorkQueue:
    """Threads for what takes longer than a moment.

    Clients take turns: one who waits for much holds up himself. Where the line is full, he who has
    most in it gives way.

    Args:
        at_once: pieces of work at a time.
        most: pieces that may wait.
        seconds: how long one may wait and take before it is answered that it does.
    """

    def __init__(self, at_once: int, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.working = 0
        self._at_once = at_once
        self._lines: dict[str, deque[Turn]] = {}  # of each client; he whose turn is next first
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="colour")

    @property
    def waiting(self) -> int:
        """Pieces of work whose turn has not come."""
        return sum(map(len, self._lines.values()))

    async def run(
        self,
        request: Request,
        work: Callable[[], T],
        lane: Lane | None = None,
        cancel: Callable[[], None] | None = None,
    ) -> T:
        """The result of some work.

        Args:
            request: whose client may hang up meanwhile; its body has been read.
            work: what to do, in a thread.
            lane: of requests that take each other's place.
            cancel: ends the work when its result is not wanted any more; without it, it goes on
                and keeps its place until it is done, as a thread cannot be stopped.

        Raises:
            RequestProblem: the queue is full, the work is needless by now, it takes too long, or
                the server stops.
        """
        if lane is not None and lane.waiting is not None:
            self._dismiss(lane.waiting, problems.superseded())
        gone = asyncio.create_task(_wait_for_hang_up(request))
        future: asyncio.Future[T] | None = None
        try:
            async with asyncio.timeout(self.seconds):
                await self._take_place(client_address(request.scope), lane, gone)
                future = asyncio.get_running_loop().run_in_executor(self._threads, work)
                future.add_done_callback(self._done)
                await _wait_while_heard(future, gone)
                return future.result()
        except TimeoutError:
            sentence = f"This took more than {self.seconds:g} s: try a smaller photo, or try later."
            raise RequestProblem(504, "timeout", sentence) from None
        except asyncio.CancelledError:  # nobody does that but a server that has to stop
            sentence = "The server is shutting down: try again once it is back."
            raise RequestProblem(503, "busy", sentence, RETRY) from None
        finally:
            gone.cancel()
            if cancel is not None and future is not None and not future.done():
                cancel()

    async def _take_place(self, name: str, lane: Lane | None, gone: asyncio.Task[None]) -> None:
        """Come back with a place to work at."""
        if self.working < self._at_once:
            self.working += 1
            return
        if self.waiting >= self.most:
            self._make_room(name)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(name, deque()).append(turn)
        if lane is not None:
            lane.waiting = turn
        try:
            await _wait_while_heard(turn, gone)
            turn.result()
        except BaseException:
            if turn.done() and turn.exception() is None:
                self._free_place()  # it had been given a place at the same moment
            self._remove(turn)
            raise
        finally:
            if lane is not None and lane.waiting is turn:
                lane.waiting = None

    def _make_room(self, name: str) -> None:
        """Send the last one away of who waits for most, if he waits for more than this client."""
        longest = max(self._lines.values(), key=len, default=deque[Turn]())
        if len(longest) <= len(self._lines.get(name, ())) + 1:
            raise problems.busy(RETRY)
        self._dismiss(longest[-1], problems.busy(RETRY))

    def _dismiss(self, turn: Turn, problem: RequestProblem) -> None:
        if not turn.done():
            turn.set_exception(problem)
            self._remove(turn)

    def _remove(self, turn: Turn) -> None:
        for name, line in self._lines.items():
            if turn in line:
                line.remove(turn)
                if not line:
                    del self._lines[name]
                return

    def _done(self, future: asyncio.Future[T]) -> None:
        if not future.cancelled():
            future.exception()  # it was told to whoever still listens
        self._free_place()

    def _free_place(self) -> None:
        """Give the place to the client whose turn it is; with what he still has he is the last."""
        while self._lines:
            name, line = next(iter(self._lines.items()))
            turn = line.popleft()
            del self._lines[name]
            if line:
                self._lines[name] = line
            if not turn.done():  # else it has given up
                turn.set_result(None)
                return
        self.working -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _wait_while_heard(wanted: asyncio.Future[T], gone: asyncio.Task[None]) -> None:
    """Wait for it as long as the client does.

    Raises:
        RequestProblem: the client has hung up.
    """
    await asyncio.wait((wanted, gone), return_when=asyncio.FIRST_COMPLETED)
    if not wanted.done():
        raise problems.superseded()


async def _wait_for_hang_up(request: Request) -> None:
    """Wait for the client to go."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
