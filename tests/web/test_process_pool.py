"""Whatever a photo does to a process costs that photo, and the next one is served."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import poison
import pytest
from pictures import encode, halves, refused, send
from test_work_queue import Client, Work

from photochrom.web import photo_store, process_pool
from photochrom.web.problems import RequestProblem
from photochrom.web.process_pool import ProcessPool, WorkerTask
from photochrom.web.work_queue import WorkQueue
from photochrom.web.worker_process import WorkerProcess, WorkResult

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.name != "posix", reason="signals and pipes with names"),
]
linux = pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory, no fork server")


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    pool = ProcessPool(300_000_000)
    yield pool
    pool.close()


def works(pool: ProcessPool) -> bool:
    return WorkerTask(pool).run(poison.length, b"photo") == 5


def problem_of(pool: ProcessPool, bad: Callable[..., object]) -> RequestProblem:
    with pytest.raises(RequestProblem) as problem:
        WorkerTask(pool).run(bad, b"photo")
    return problem.value


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (poison.crash, 422), (poison.leave, 422), (poison.unspeakable, 422), (poison.blunder, 422),
        (poison.abort, 413), (poison.be_killed, 413), pytest.param(poison.hoard, 413, marks=linux),
        pytest.param(poison.hoard_in_opencv, 413, marks=linux),
    ],
)  # fmt: skip
def test_poison_costs_one_photo(pool, bad, status, caplog):
    assert works(pool)
    problem = problem_of(pool, bad)
    assert problem.response().status_code == status
    assert "Kiel" not in str(problem) + caplog.text
    assert ("IndexError" in caplog.text) == (bad is poison.blunder)
    assert works(pool)


def test_poison_costs_one_request(make_client, monkeypatch):
    client, summarize = make_client(limits={"at_once": 1}), photo_store.summarize
    for bad, problem in ((poison.crash, (422, "failed")), (poison.abort, (413, "too-large"))):
        monkeypatch.setattr(photo_store, "summarize", bad)
        assert refused(client.post("/api/photos", files={"photo": b"photo"})) == problem
        monkeypatch.setattr(photo_store, "summarize", summarize)
        assert send(client)["width"] == 40
    assert client.get("/api/health").json()["working"] == 0


def test_large_things_come_as_they_were_sent(pool):
    data, array = os.urandom(3_000_000), np.arange(1_000_000)
    came, too = WorkerTask(pool).run(poison.echo, data, array)
    assert (came, type(came)) == (data, bytes)
    assert np.array_equal(too, array)


def test_process_that_died_meanwhile_is_replaced(pool):
    first = pool.take()
    pool.give_back(first)
    first.kill()
    while first.alive:
        pass
    assert works(pool)


@pytest.mark.parametrize("worn", [False, True])
def test_process_works_on_photo_after_photo_until_it_has_grown(pool, monkeypatch, worn):
    first = pool.take()
    pool.give_back(first)
    monkeypatch.setattr(WorkerProcess, "call", lambda *_: WorkResult(5, worn=worn))
    assert works(pool)
    assert works(pool)
    last = pool.take()
    assert (last is first) == (not worn)
    last.close()


@linux
def test_pool_of_one_has_one_process_that_lets_others_come_first():
    only, numbers = ProcessPool(300_000_000, most=1, nice=3), []

    def ask() -> None:
        numbers.append(WorkerTask(only).run(os.getpid))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == only.numbers() * 4
    assert WorkerTask(only).run(os.nice, 0) == min(os.nice(0) + 3, 19)
    only.close()


def test_closed_pool_keeps_no_process(pool):
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.close()
    pool.give_back(second)
    assert [process._ended for process in (first, second)] == [True, True]


def test_processes_are_spawned_where_forking_is_not_safe(pool, monkeypatch):
    monkeypatch.setattr(process_pool, "start_worker", process_pool._spawn_worker)
    assert works(pool)
    assert problem_of(pool, poison.crash).status == 422
    assert works(pool)


@linux
def test_fork_server_that_died_is_replaced(pool):
    assert works(pool)
    lost = process_pool._fork_server()
    lost._process.kill()
    lost._process.wait()
    problem_of(pool, poison.leave)
    assert works(pool)
    assert process_pool._fork_server() is not lost


def run_task(queue: WorkQueue, client: Client, pool: ProcessPool, *args: object) -> asyncio.Task:
    task = WorkerTask(pool)
    work = partial(task.run, *args)
    return asyncio.create_task(queue.run(client, lambda _: work(), cancel=task.cancel))


@pytest.mark.parametrize("gone", [True, False], ids=["hung up", "cancelled"])
async def test_work_that_nobody_waits_for_is_ended(queue, pool, fifo, gone):
    client = Client()
    asked = run_task(queue, client, pool, partial(poison.hang, str(fifo)), b"")
    with await asyncio.to_thread(fifo.open) as heard:
        assert await asyncio.to_thread(heard.readline) == "hanging\n"
        client.gone.set() if gone else asked.cancel()
        assert await asyncio.to_thread(heard.read) == ""  # it has ended
    (problem,) = await asyncio.gather(asked, return_exceptions=True)
    assert problem.status == (409 if gone else 503)
    assert await run_task(queue, Client(), pool, poison.length, b"photo") == 5


async def test_work_that_takes_too_long_is_ended(queue, pool):
    queue.seconds = 0.05
    with pytest.raises(RequestProblem) as problem:
        await run_task(queue, Client(), pool, partial(poison.hang, os.devnull), b"")
    assert (problem.value.status, problem.value.code) == (504, "timeout")
    queue.seconds = 600
    assert await run_task(queue, Client(), pool, poison.length, b"photo") == 5


def test_task_that_is_cancelled_before_it_has_begun_does_not_begin(pool, fifo):
    task = WorkerTask(pool)
    task.cancel()
    with pytest.raises(RequestProblem) as problem:
        task.run(partial(poison.hang, str(fifo)), b"")
    assert problem.value.code == "superseded"
    assert works(pool)


ORPHAN = """
import sys, threading
from functools import partial
sys.path.insert(0, sys.argv[1])
import poison
from photochrom.web.process_pool import ProcessPool, WorkerTask
task = WorkerTask(ProcessPool(10**9))
work = partial(poison.hang, sys.argv[2]), b""
threading.Thread(target=task.run, args=work, daemon=True).start()
sys.stdin.read()
"""


@linux
def test_processes_end_with_the_server_however_that_ends(fifo):
    run = [sys.executable, "-c", ORPHAN, str(Path(__file__).parent), str(fifo)]
    with subprocess.Popen(run, stdin=subprocess.PIPE) as server, fifo.open() as heard:
        assert heard.readline() == "hanging\n"
        server.kill()
        assert heard.read() == ""


def test_previews_do_not_wait_for_files(make_client, monkeypatch):
    client, slow = make_client(limits={"at_once": 1}), Work()
    key = send(client)["id"]
    run = WorkerTask.run

    def run_slowly(task: WorkerTask, function: Callable[..., object], *args: object) -> object:
        whole = getattr(function, "__name__", "") == "colorize_file"
        return slow() if whole else run(task, function, *args)

    monkeypatch.setattr(WorkerTask, "run", run_slowly)
    files = {"photo": encode(halves(40, 30))}
    sending = threading.Thread(target=lambda: client.post("/api/colorize", files=files))
    sending.start()
    try:
        assert slow.begun.wait(300)
        assert client.post(f"/api/photos/{key}/colorize", json={}).status_code == 200
        assert client.get(f"/api/photos/{key}/grey").status_code == 200
        assert client.get("/api/health").json()["working"] == 1
    finally:
        slow.free.set()
        sending.join()
