"""Who works, who waits, and who is sent away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, repeat
from typing import Any

import pytest
from pictures import post_scope, refused, send

from photochrom.web.engine import Engine
from photochrom.web.problems import RequestProblem
from photochrom.web.process_pool import WorkerTask
from photochrom.web.work_queue import Lane, WorkQueue

pytestmark = pytest.mark.anyio


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

    def __call__(self, *_: object) -> str:
        self.begun.set()
        assert self.free.wait(300)
        return "done"


async def begin(queue: WorkQueue, work: Callable[[], Any], lane: Lane | None = None, client=None):
    """A request that has come as far as it can."""
    task = asyncio.create_task(queue.run(client or Client(), work, lane))
    for _ in range(9):
        await asyncio.sleep(0)
    return task


async def test_queue_gives_clients_turns(queue):
    queue.most = 9
    order, first = [], Work()
    working = await begin(queue, first)
    names = ["greedy"] * 4 + ["modest"] * 2 + ["late"]
    waiting = [
        await begin(queue, lambda _, n=n, name=name: order.append((name, n)), client=Client(name))
        for n, name in enumerate(names)
    ]
    first.free.set()
    await asyncio.gather(working, *waiting)
    assert order == [
        *(("greedy", 0), ("modest", 4), ("late", 6), ("greedy", 1), ("modest", 5)),
        *(("greedy", 2), ("greedy", 3)),
    ]


async def test_full_queue_sends_away_who_has_most_in_it(queue):
    queue.most = 4
    first = Work()
    working = await begin(queue, first)
    crowd = [await begin(queue, lambda _: "crowd", client=Client("a")) for _ in range(4)]
    others = [await begin(queue, lambda _: "other", client=Client("b")) for _ in range(2)]
    assert queue.waiting == 4
    assert [task.done() for task in crowd] == [False, False, True, True]
    assert [task.exception().code for task in crowd[2:]] == ["busy", "busy"]
    for name in "ab":  # each has a fair share
        with pytest.raises(RequestProblem) as problem:
            await queue.run(Client(name), Work())
        assert problem.value.code == "busy"
    first.free.set()
    done = await asyncio.gather(working, *crowd[:2], *others)
    assert done == ["done", "crowd", "crowd", "other", "other"]


async def test_newer_of_a_lane_supersedes_one_that_waits_and_not_one_that_works(queue):
    lane, other, first = Lane(), Lane(), Work()
    working = await begin(queue, first, lane)
    neighbour = await begin(queue, lambda _: "neighbour", other)
    old = await begin(queue, lambda _: "old", lane)
    new = await begin(queue, lambda _: "new", lane)  # though the queue was full
    assert old.exception().code == "superseded"
    assert not working.done()
    first.free.set()
    assert await asyncio.gather(working, neighbour, new) == ["done", "neighbour", "new"]


async def test_late_work_is_told_so_and_keeps_its_place_until_it_is_done(queue):
    queue.seconds = 0.05
    slow = Work()
    for _ in range(2):  # one that works, one that waits
        with pytest.raises(RequestProblem) as late:
            await queue.run(Client(), slow)
        assert (late.value.status, late.value.code) == (504, "timeout")
        assert (queue.working, queue.waiting) == (1, 0)
    slow.free.set()
    while queue.working:
        await asyncio.sleep(0.01)
    queue.seconds = 600
    assert await queue.run(Client(), lambda _: 1) == 1


async def test_cancelled_request_leaves_no_place_taken(queue):
    first = Work()
    working = await begin(queue, first)
    waiting = [await begin(queue, Work()) for _ in range(2)]
    waiting[0].cancel()
    first.free.set()
    while queue.waiting > 0:  # the second has been given the place, and does not know yet
        await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(working, *waiting, return_exceptions=True)
    assert await queue.run(Client(), lambda _: 1) == 1


@pytest.mark.usefixtures("in_process")
def test_api_answers_409_to_the_superseded_and_503_to_the_many(make_client, monkeypatch):
    client, work, works = make_client(limits={"at_once": 1, "waiting": 2}), Work(), []
    path, plain = f"/api/photos/{send(client)['id']}/colorize", Engine.preview
    monkeypatch.setattr(
        Engine, "preview", lambda *args, **more: works.append(work()) or plain(*args, **more)
    )

    def count() -> tuple[int, int]:
        health = client.get("/api/health").json()
        return health["working"], health["waiting"]

    def ask(**wanted: Any) -> Future[Any]:
        before, answer = count(), threads.submit(client.post, path, json=wanted)
        while not answer.done() and count() == before:
            pass
        return answer

    with ThreadPoolExecutor(8) as threads:
        try:
            working, small, old = ask(), ask(side=20), ask(vivid=0.1)
            assert count() == (1, 2)
            full = ask(side=30).result()
            assert refused(full) == (503, "busy")
            assert int(full.headers["retry-after"]) > 0
            new = threads.submit(client.post, path, json={"vivid": 0.2})
            assert refused(old.result(300)) == (409, "superseded")
        finally:
            work.free.set()
        assert [a.result(300).status_code for a in (working, small, new)] == [200, 200, 200]
    assert len(works) == 3


@pytest.mark.usefixtures("in_process")
def test_api_begins_nothing_for_a_client_that_hung_up(make_client, monkeypatch):
    client, works, work = make_client(limits={"at_once": 1}), [], Work()
    path = f"/api/photos/{send(client)['id']}/colorize"
    monkeypatch.setattr(Engine, "preview", lambda *_, **__: works.append(work()) or b"")
    request = {"type": "http.request", "body": b"{}", "more_body": False}
    messages, statuses = chain([request], repeat({"type": "http.disconnect"})), []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def note(message: dict[str, Any]) -> None:
        statuses.append(message.get("status"))

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(client.post, path, json={})
        assert work.begun.wait(300)
        client.portal.call(client.app, post_scope(path, "application/json"), receive, note)
        work.free.set()
        assert working.result().status_code == 200
    assert (statuses[0], works) == (409, ["done"])


def test_api_answers_504_to_what_takes_too_long(make_client, monkeypatch):
    client, slow = make_client(limits={"seconds": 0.1}), Work()
    monkeypatch.setattr(WorkerTask, "run", lambda *_, **__: slow())
    answer = client.post("/api/colorize", files={"photo": b"photo"})
    assert refused(answer) == (504, "timeout")
    assert client.get("/api/health").json()["working"] == 1
    slow.free.set()
