"""A photo's previews go home, to the process that knows it; but nobody waits while one is free."""

from __future__ import annotations

import asyncio

import pytest
from pictures import encode, halves, send
from test_work_queue import Client, Work

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
