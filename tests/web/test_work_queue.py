"""Who works, who waits, and who is sent away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pictures import refused, send

from photochrom.web.engine import Engine
from photochrom.web.problems import RequestProblem
from photochrom.web.process_pool import WorkerTask
from photochrom.web.work_queue import Lane, WorkQueue


class Client:
    """One who may hang up."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.gone = asyncio.Event()
        self.scope = {"type": "http", "client": (address, 50000), "headers": []}

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Work:
    """It begins, and is done when it is let go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.free.wait(300)
        return "done"


def with_queue(
    act: Callable[[WorkQueue], Awaitable[None]], most: int = 2, seconds: float = 600
) -> None:
    async def main() -> None:
        queue = WorkQueue(1, most, seconds)
        try:
            await act(queue)
            assert (queue.working, queue.waiting) == (0, 0)
        finally:
            queue.close()

    asyncio.run(main())


async def begin(queue: WorkQueue, work: Callable[[], Any], lane: Lane | None = None, client=None):
    """A request that has come as far as it can."""
    task = asyncio.create_task(queue.run(client or Client(), work, lane))
    for _ in range(9):
        await asyncio.sleep(0)
    return task


def code(task: asyncio.Task) -> str:
    error = task.exception()
    assert isinstance(error, RequestProblem)
    return error.code


def test_queue_keeps_the_order_and_takes_no_more_than_may_wait():
    async def act(queue: WorkQueue) -> None:
        order, first = [], Work()
        working = await begin(queue, first)
        waiting = [await begin(queue, lambda n=n: order.append(n)) for n in range(2)]
        assert (queue.working, queue.waiting) == (1, 2)
        with pytest.raises(RequestProblem) as problem:
            await queue.run(Client(), Work())
        assert (problem.value.status, problem.value.code) == (503, "busy")
        assert problem.value.wait > 0
        first.free.set()
        assert await working == "done"
        await asyncio.gather(*waiting)
        assert order == [0, 1]

    with_queue(act)


def test_queue_gives_clients_turns():
    async def act(queue: WorkQueue) -> None:
        order, first = [], Work()
        working = await begin(queue, first)
        names = ["greedy"] * 4 + ["modest"] * 2 + ["late"]
        waiting = [
            await begin(queue, lambda n=n, name=name: order.append((name, n)), client=Client(name))
            for n, name in enumerate(names)
        ]
        first.free.set()
        await asyncio.gather(working, *waiting)
        assert order == [
            *(("greedy", 0), ("modest", 4), ("late", 6), ("greedy", 1), ("modest", 5)),
            *(("greedy", 2), ("greedy", 3)),
        ]

    with_queue(act, most=9)


def test_full_queue_sends_away_who_has_most_in_it():
    async def act(queue: WorkQueue) -> None:
        first = Work()
        working = await begin(queue, first)
        crowd = [await begin(queue, lambda: "crowd", client=Client("a")) for _ in range(4)]
        others = [await begin(queue, lambda: "other", client=Client("b")) for _ in range(2)]
        assert queue.waiting == 4
        assert [task.done() for task in crowd] == [False, False, True, True]
        assert [code(task) for task in crowd[2:]] == ["busy", "busy"]
        for name in "ab":  # each has a fair share
            with pytest.raises(RequestProblem) as problem:
                await queue.run(Client(name), Work())
            assert problem.value.code == "busy"
        first.free.set()
        done = await asyncio.gather(working, *crowd[:2], *others)
        assert done == ["done", "crowd", "crowd", "other", "other"]

    with_queue(act, most=4)


def test_newer_of_a_lane_supersedes_one_that_waits_and_not_one_that_works():
    async def act(queue: WorkQueue) -> None:
        lane, other, first = Lane(), Lane(), Work()
        working = await begin(queue, first, lane)
        neighbour = await begin(queue, lambda: "neighbour", other)
        old = await begin(queue, lambda: "old", lane)
        new = await begin(queue, lambda: "new", lane)  # though the queue was full
        assert code(old) == "superseded"
        assert not working.done()
        first.free.set()
        assert await asyncio.gather(working, neighbour, new) == ["done", "neighbour", "new"]

    with_queue(act)


def test_nothing_is_begun_for_one_who_hung_up():
    async def act(queue: WorkQueue) -> None:
        first, never, client = Work(), Work(), Client()
        working = await begin(queue, first)
        waiting = await begin(queue, never, client=client)
        client.gone.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert queue.waiting == 0
        assert code(waiting) == "superseded"
        first.free.set()
        await working
        assert not never.begun.is_set()

    with_queue(act)


def test_late_work_is_told_so_and_keeps_its_place_until_it_is_done():
    async def act(queue: WorkQueue) -> None:
        slow = Work()
        for _ in range(2):  # one that works, one that waits
            with pytest.raises(RequestProblem) as late:
                await queue.run(Client(), slow)
            assert (late.value.status, late.value.code) == (504, "timeout")
            assert (queue.working, queue.waiting) == (1, 0)
        slow.free.set()
        while queue.working:
            await asyncio.sleep(0.01)
        assert await queue.run(Client(), lambda: 1) == 1

    with_queue(act, seconds=0.05)


def test_cancelled_request_leaves_no_place_taken():
    async def act(queue: WorkQueue) -> None:
        first = Work()
        working = await begin(queue, first)
        waiting = [await begin(queue, Work()) for _ in range(2)]
        waiting[0].cancel()
        first.free.set()
        while queue.waiting > 0:  # the second has been given the place, and does not know yet
            await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.gather(working, *waiting, return_exceptions=True)
        assert await queue.run(Client(), lambda: 1) == 1

    with_queue(act)


def test_error_of_the_work_is_that_of_the_request():
    async def act(queue: WorkQueue) -> None:
        with pytest.raises(ZeroDivisionError):
            await queue.run(Client(), lambda: 1 / 0)

    with_queue(act)


def test_api_answers_409_to_the_superseded_and_503_to_the_many(make_client, monkeypatch):
    client, works = make_client(limits={"at_once": 1, "waiting": 2}), []
    key = send(client)["id"]
    plain = Engine.preview

    def slowly(*args: Any) -> bytes:
        works.append(Work())
        works[-1]()
        return plain(*args)

    monkeypatch.setattr(Engine, "preview", slowly)

    def ask(**wanted: Any) -> Future[Any]:
        before = client.get("/api/health").json()
        answer = threads.submit(client.post, f"/api/photos/{key}/colorize", json=wanted)
        while not answer.done() and client.get("/api/health").json() == before:
            pass
        return answer

    with ThreadPoolExecutor(8) as threads:
        working, small, old = ask(), ask(side=20), ask(vivid=0.1)
        health = client.get("/api/health").json()
        assert (health["working"], health["waiting"]) == (1, 2)
        full = ask(side=30).result()
        assert refused(full) == (503, "busy")
        assert int(full.headers["retry-after"]) > 0
        new = threads.submit(client.post, f"/api/photos/{key}/colorize", json={"vivid": 0.2})
        assert refused(old.result(300)) == (409, "superseded")
        for n in range(3):
            limit = time.monotonic() + 300
            while len(works) <= n:
                assert time.monotonic() < limit
                time.sleep(0.001)
            works[n].free.set()
        assert [a.result(300).status_code for a in (working, small, new)] == [200, 200, 200]
    assert len(works) == 3


def test_api_answers_504_to_what_takes_too_long(make_client, monkeypatch):
    client, slow = make_client(limits={"seconds": 0.1}), Work()
    monkeypatch.setattr(WorkerTask, "run", lambda *_, **__: slow())
    answer = client.post("/api/colorize", files={"photo": b"photo"})
    assert refused(answer) == (504, "timeout")
    assert client.get("/api/health").json()["working"] == 1
    slow.free.set()
