"""A photo's previews go home, to the process that knows it; but nobody waits while one is free."""

from __future__ import annotations

import asyncio
import time

import pytest
from pictures import encode, halves, send
from test_work_queue import Client, Work

from photochrom.web.engine import Engine
from photochrom.web.process_pool import WorkerTask
from photochrom.web.work_queue import WorkQueue

pytestmark = pytest.mark.anyio


@pytest.fixture
async def places():
    queue = WorkQueue(2, 9, 600)
    yield queue
    queue.close()


async def test_work_goes_home_where_that_is_free_and_elsewhere_where_it_is_not(places):
    assert [await places.run(Client(), lambda at: at, home=home) for home in (1, 0, 1)] == [1, 0, 1]
    busy = Work()
    working = asyncio.create_task(places.run(Client(), busy, home=1))
    while places.working == 0:
        await asyncio.sleep(0)
    assert await places.run(Client(), lambda at: at, home=1) == 0
    busy.free.set()
    await working


async def test_of_those_who_wait_a_place_takes_its_own_first(places):
    both, order = [Work(), Work()], []
    working = [asyncio.create_task(places.run(Client(), w, home=n)) for n, w in enumerate(both)]
    while places.working < 2:
        await asyncio.sleep(0)

    async def wait(home: int | None) -> None:
        await places.run(Client(str(len(order))), lambda at: order.append((home, at)), home=home)

    waiting = []
    for home in (0, 0, 1, None):
        waiting.append(asyncio.create_task(wait(home)))
        while places.waiting < len(waiting):
            await asyncio.sleep(0)
    both[1].free.set()  # the place 1 alone is free, and does all of it
    await asyncio.gather(*waiting)
    assert order == [(1, 1), (None, 1), (0, 1), (0, 1)]
    both[0].free.set()
    await asyncio.gather(*working)


async def test_previews_of_a_photo_are_made_by_one_process(make_client):
    client = make_client()
    services = client.app.state.services
    photos = [send(client, encode(halves(40 + n, 30)))["id"] for n in range(4)]
    homes = {key: services.home(services.photos[key]) for key in photos}
    for key in photos:
        before = [pool.numbers() for pool in services.engines]
        for _ in range(2):
            answer = await asyncio.to_thread(client.post, f"/api/photos/{key}/colorize", json={})
            assert answer.status_code == 200
        after = [pool.numbers() for pool in services.engines]
        assert len(after[homes[key]]) == 1
        assert after[1 - homes[key]] == before[1 - homes[key]]


def remembered(engine: Engine) -> int:
    """How many photos the process that asks remembers something of."""
    known = engine.colorizer(None)._predictor
    return sum(
        each.cache_info().currsize for each in (known._drawn, known._told, known._remembered)
    )


def test_a_photo_that_is_removed_is_forgotten_by_the_process_that_knew_it(make_client):
    client = make_client(limits={"at_once": 1})
    services = client.app.state.services
    key, hint = send(client)["id"], {"x": 9, "y": 9, "color": [20, 30]}
    assert client.post(f"/api/photos/{key}/colorize", json={"hints": [hint]}).status_code == 200
    (engine,) = services.engines
    assert WorkerTask(engine).run(remembered, services.engine) > 1
    assert client.delete(f"/api/photos/{key}").status_code == 204
    while WorkerTask(engine).run(remembered, services.engine):
        time.sleep(0.01)


def test_a_file_that_was_coloured_is_not_remembered(make_client):
    client = make_client(limits={"at_once": 1})
    services = client.app.state.services
    sent = {"photo": encode(halves(40, 30))}
    assert client.post("/api/colorize", files=sent).status_code == 200
    (number,) = services.pool.numbers()
    assert WorkerTask(services.pool).run(remembered, services.engine) == 0
    assert services.pool.numbers() == [number]
