"""Work for the network, off the event loop: so many at a time, so many waiting, no more."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.requests import Request

from photochrom.web import problems
from photochrom.web.access import client_address
from photochrom.web.problems import RequestProblem

T = TypeVar("T")

RETRY = 2
"""Seconds after which one who was turned away may come again."""


@dataclass(eq=False)
class Turn:
    """One who waits for a place."""

    home: int | None
    """The place where his photo is known; None if it is known nowhere, or everywhere."""
    place: asyncio.Future[int]
    """The one that he gets."""


class Lane:
    """Requests of which only the newest is wanted: it takes the place of one that still waits."""

    waiting: Turn | None = None


class WorkQueue:
    """Threads for what takes longer than a moment: one for each place to work at.

    Clients take turns: one who waits for much holds up himself. Where the line is full, he who has
    most in it gives way. Work goes home, to the place that knows its photo; but no place stays
    free while somebody waits.

    Args:
        places: pieces of work at a time.
        most: pieces that may wait.
        seconds: how long one may wait and take before it is answered that it does.
    """

    def __init__(self, places: int, most: int, seconds: float) -> None:
        self.places, self.most, self.seconds = places, most, seconds
        self.on_turn: Callable[[float], object] = lambda _: None
        """Told how many seconds each has waited for his turn."""
        self.on_done: Callable[[float], object] = lambda _: None
        """Told how many seconds each piece of work has taken."""
        self._free = list(range(places))
        self._lines: dict[str, deque[Turn]] = {}  # of each client; he whose turn is next first
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="colour")

    @property
    def working(self) -> int:
        """Pieces of work under way."""
        return self.places - len(self._free)

    @property
    def waiting(self) -> int:
        """Pieces of work whose turn has not come."""
        return sum(map(len, self._lines.values()))

    async def run(
        self,
        request: Request,
        work: Callable[[int], T],
        lane: Lane | None = None,
        home: int | None = None,
        cancel: Callable[[], None] | None = None,
        stop: Callable[[], None] | None = None,
    ) -> T:
        """The result of some work.

        Args:
            request: whose client may hang up meanwhile; its body has been read.
            work: what to do, in a thread; it is told its place, 0 or more.
            lane: of requests that take each other's place.
            home: the place that does it soonest.
            cancel: ends the work when its result is not wanted any more; without it, it goes on
                and keeps its place until it is done, as a thread cannot be stopped.
            stop: the same, but only where it takes too long or the server stops.

        Raises:
            RequestProblem: the queue is full, the work is needless by now, it takes too long, or
                the server stops.
        """
        if lane is not None and lane.waiting is not None:
            self._dismiss(lane.waiting, problems.superseded())
        gone = asyncio.create_task(_wait_for_hang_up(request))
        future: asyncio.Future[T] | None = None
        end = cancel
        try:
            async with asyncio.timeout(self.seconds):
                begun = time.monotonic()
                place = await self._take_place(client_address(request.scope), lane, home, gone)
                self.on_turn(time.monotonic() - begun)
                future = asyncio.get_running_loop().run_in_executor(self._threads, work, place)
                future.add_done_callback(partial(self._done, place, time.monotonic()))
                await _wait_while_heard(future, gone)
                return future.result()
        except TimeoutError:
            end = stop or cancel
            sentence = f"This took more than {self.seconds:g} s: try a smaller photo, or try later."
            raise RequestProblem(504, "timeout", sentence) from None
        except asyncio.CancelledError:  # nobody does that but a server that has to stop
            end = stop or cancel
            sentence = "The server is shutting down: try again once it is back."
            raise RequestProblem(503, "busy", sentence, RETRY) from None
        finally:
            gone.cancel()
            if end is not None and future is not None and not future.done():
                end()

    async def _take_place(
        self, name: str, lane: Lane | None, home: int | None, gone: asyncio.Task[None]
    ) -> int:
        """Come back with a place to work at."""
        if self._free:
            place = home if home in self._free else self._free[0]
            self._free.remove(place)
            return place
        if self.waiting >= self.most:
            self._make_room(name)
        turn = Turn(home, asyncio.get_running_loop().create_future())
        self._lines.setdefault(name, deque()).append(turn)
        if lane is not None:
            lane.waiting = turn
        try:
            await _wait_while_heard(turn.place, gone)
            return turn.place.result()
        except BaseException:
            if turn.place.done() and turn.place.exception() is None:
                self._free_place(turn.place.result())  # it had been given one at the same moment
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
        if not turn.place.done():
            turn.place.set_exception(problem)
            self._remove(turn)

    def _remove(self, turn: Turn) -> None:
        for name, line in self._lines.items():
            if turn in line:
                line.remove(turn)
                if not line:
                    del self._lines[name]
                return

    def _done(self, place: int, begun: float, future: asyncio.Future[T]) -> None:
        self.on_done(time.monotonic() - begun)
        if not future.cancelled():
            future.exception()  # it was told to whoever still listens
        self._free_place(place)

    def _free_place(self, place: int) -> None:
        """Give a place to whose turn it is; with what that client still has he is the last."""
        while self._lines:
            name, turn = self._next(place)
            line = self._lines.pop(name)
            line.remove(turn)
            if line:
                self._lines[name] = line
            if not turn.place.done():  # else it has given up
                turn.place.set_result(place)
                return
        self._free.append(place)

    def _next(self, place: int) -> tuple[str, Turn]:
        """Whose turn it is: the first who is at home there, or else the first of all.

        Nobody waits for ever: at his home it is his turn before that of any stranger.
        """
        turns = [(name, turn) for name, line in self._lines.items() for turn in line]
        return next((at for at in turns if at[1].home in (place, None)), turns[0])

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
