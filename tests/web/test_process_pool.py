"""Whatever a photo does to a process costs that photo, and the next one is served."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import poison
import pytest
from album import halves, picture, send
from test_work_queue import Client, Work, with_queue

from photochrom.web import photo_store, process_pool
from photochrom.web.problems import RequestProblem
from photochrom.web.process_pool import ProcessPool, WorkerTask
from photochrom.web.work_queue import WorkQueue
from photochrom.web.worker_process import Outcome, WorkerProcess

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes with names")
ROOM = 300_000_000


@pytest.fixture
def children() -> Iterator[ProcessPool]:
    some = ProcessPool(ROOM)
    yield some
    some.close()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def served(children: ProcessPool) -> bool:
    return WorkerTask(children).run(poison.length, b"photo") == 5


POISONS = [
    (poison.crash, 422), (poison.leave, 422), (poison.unspeakable, 422), (poison.blunder, 422),
    (poison.abort, 413), (poison.be_killed, 413),
    pytest.param(
        poison.hoard, 413, marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit")
    ),
    pytest.param(
        poison.hoard_in_opencv, 413,
        marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "status"), POISONS)
def test_poison_costs_one_photo(children, bad, status, caplog):
    assert served(children)
    with pytest.raises(RequestProblem) as told:
        WorkerTask(children).run(bad, b"photo")
    assert told.value.response().status_code == status
    assert "Kiel" not in str(told.value) + caplog.text
    assert ("IndexError" in caplog.text) == (bad is poison.blunder)
    assert served(children)


def test_nor_does_it_matter_through_the_api(house, monkeypatch):
    client = house(limits={"at_once": 1})
    good = picture(halves(40, 30))
    well = photo_store.summarize
    for bad, status in ((poison.crash, 422), (poison.abort, 413)):
        monkeypatch.setattr(photo_store, "summarize", bad)
        answer = client.post("/api/photos", files={"photo": good})
        assert (answer.status_code, answer.json()["code"]) == (
            status, {413: "too-large", 422: "failed"}[status],
        )  # fmt: skip
        monkeypatch.setattr(photo_store, "summarize", well)
        assert send(client, good)["width"] == 40
    assert client.get("/api/health").json()["working"] == 0


def test_large_things_come_as_they_were_sent(children):
    data, array = os.urandom(3_000_000), np.arange(1_000_000)
    came, too = WorkerTask(children).run(poison.echo, data, array)
    assert (came, type(came)) == (data, bytes)
    assert np.array_equal(too, array)


def test_one_that_died_meanwhile_is_replaced(children):
    first = children.take()
    children.give_back(first)
    first.kill()
    while first.alive:
        pass
    assert served(children)


@pytest.mark.parametrize("worn", [False, True])
def test_one_works_on_photo_after_photo_until_it_has_grown(children, monkeypatch, worn):
    first = children.take()
    children.give_back(first)
    monkeypatch.setattr(WorkerProcess, "call", lambda *_: Outcome(5, worn=worn))
    assert served(children)
    assert served(children)
    last = children.take()
    assert (last is first) == (not worn)
    last.close()


def test_none_is_kept_when_all_is_over(children):
    first, second = children.take(), children.take()
    children.give_back(first)
    children.close()
    children.give_back(second)
    assert [child._ended for child in (first, second)] == [True, True]


def test_where_forking_is_not_safe_they_are_started_anew(children, monkeypatch):
    monkeypatch.setattr(process_pool, "start_worker", process_pool._spawn_worker)
    assert served(children)
    with pytest.raises(RequestProblem) as told:
        WorkerTask(children).run(poison.crash, b"")
    assert told.value.status == 422
    assert served(children)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no nursery")
def test_where_they_come_from_may_die_too(children):
    assert served(children)
    lost = process_pool._fork_server()
    lost._process.kill()
    lost._process.wait()
    with pytest.raises(RequestProblem):
        WorkerTask(children).run(poison.leave, b"")
    assert served(children)
    assert process_pool._fork_server() is not lost


def ask(queue: WorkQueue, client: Client, errand: WorkerTask, *given: object) -> asyncio.Task:
    work = partial(errand.run, *given)
    return asyncio.create_task(queue.run(client, work, cancel=errand.cancel))


@pytest.mark.parametrize("gone", [True, False], ids=["hung up", "cancelled"])
def test_work_that_nobody_waits_for_is_really_over(children, fifo, gone):
    async def act(queue: WorkQueue) -> None:
        client = Client()
        asked = ask(queue, client, WorkerTask(children), partial(poison.hang, str(fifo)), b"")
        with await asyncio.to_thread(fifo.open) as heard:
            assert await asyncio.to_thread(heard.readline) == "hanging\n"
            client.hang_up() if gone else asked.cancel()
            assert await asyncio.to_thread(heard.read) == ""  # it has ended
        (told,) = await asyncio.gather(asked, return_exceptions=True)
        assert told.status == (409 if gone else 503)
        assert await ask(queue, Client(), WorkerTask(children), poison.length, b"photo") == 5

    with_queue(act)


def test_and_so_is_what_takes_too_long(children):
    async def act(queue: WorkQueue) -> None:
        with pytest.raises(RequestProblem) as told:
            await ask(queue, Client(), WorkerTask(children), partial(poison.hang, os.devnull), b"")
        assert (told.value.status, told.value.code) == (504, "timeout")
        queue.seconds = 600
        assert await ask(queue, Client(), WorkerTask(children), poison.length, b"photo") == 5

    with_queue(act, seconds=0.05)


def test_what_is_called_off_before_it_has_begun_is_not_begun(children, fifo):
    errand = WorkerTask(children)
    errand.cancel()
    with pytest.raises(RequestProblem) as told:
        errand.run(partial(poison.hang, str(fifo)), b"")
    assert told.value.code == "superseded"
    assert served(children)


ORPHAN = """
import sys, threading
from functools import partial
sys.path.insert(0, sys.argv[1])
import poison
from photochrom.web.worker_process import Outcome, WorkerProcess
from photochrom.web.process_pool import ProcessPool, WorkerTask
children = ProcessPool(10**9)
given = partial(poison.hang, sys.argv[2]), b""
threading.Thread(target=WorkerTask(children).run, args=given, daemon=True).start()
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it has to come back from C first")
def test_they_end_with_the_server_however_that_ends(fifo):
    run = [sys.executable, "-c", ORPHAN, str(Path(__file__).parent), str(fifo)]
    with subprocess.Popen(run, stdin=subprocess.PIPE) as server, fifo.open() as heard:
        assert heard.readline() == "hanging\n"
        server.kill()
        assert heard.read() == ""


def test_previews_do_not_wait_for_files(house, monkeypatch):
    client, slow = house(limits={"at_once": 1}), Work()
    data = picture(halves(40, 30))
    key = send(client, data)["id"]
    monkeypatch.setattr(WorkerTask, "run", lambda *_, **__: slow())
    sending = threading.Thread(
        target=client.post, args=("/api/colorize",), kwargs={"files": {"photo": data}}
    )
    sending.start()
    try:
        assert slow.begun.wait(300)
        assert client.post(f"/api/photos/{key}/colorize", json={}).status_code == 200
        assert client.get(f"/api/photos/{key}/grey").status_code == 200
        assert client.get("/api/health").json()["working"] == 1
    finally:
        slow.free.set()
        sending.join()
