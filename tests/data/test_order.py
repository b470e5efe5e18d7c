from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photochrom.data.order import Part, ShardOrder
from photochrom.data.photo_set import Chosen

COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any)


@st.composite
def orders(draw) -> ShardOrder:
    """Ragged shards, also empty ones, fewer or more than lanes, blocks of any size."""
    block, seed, lanes = (draw(st.integers(1, most)) for most in (12, 2**40, 9))
    return ShardOrder(np.array(draw(COUNTS)), block, seed, lanes)


def whole(order: ShardOrder, epoch: int) -> list[int]:
    return order.take(epoch, range(len(order))).tolist()


@given(orders(), st.integers(0, 3))
def test_every_photo_comes_once_in_an_epoch(order, epoch):
    assert sorted(whole(order, epoch)) == list(range(len(order)))


@given(orders(), st.integers(0, 3), st.integers(1, 7), st.integers(1, 9), st.integers(0, 40))
def test_any_number_of_processes_share_each_step(order, epoch, world, many, step):
    """Also where the photos are fewer than a step, or a step not a multiple of the lanes."""
    batch = min(world * many, len(order)) // world * world
    if not batch:
        return
    parts = [Part(len(order), batch, rank, world) for rank in range(world)]
    one = Part(len(order), batch)
    epoch, positions = one.find(step)
    seen = [order.take(*part.find(step)) for part in parts]
    alone = order.take(epoch, positions)
    assert len(set(alone.tolist())) == batch
    for rank in range(world):
        assert np.array_equal(seen[rank], alone[rank::world])


@given(orders(), st.integers(0, 3))
def test_a_block_is_a_stretch_of_a_shard_or_goes_on_in_others(order, epoch):
    shards = np.repeat(np.arange(len(order.counts)), order.counts)
    for lane in range(min(order.lanes, len(order))):
        length = len(range(lane, len(order), order.lanes))
        last = order.find((length - 1) * order.lanes + lane).block
        blocks = [order.photos(epoch, lane, block) for block in range(last + 1)]
        assert sum(map(len, blocks)) == length
        for photos in blocks:
            assert 1 <= len(photos) <= order.block
            stretches = np.flatnonzero(np.diff(np.sort(photos)) > 1)
            touched = np.unique(shards[photos])
            assert len(stretches) < len(touched) + 1  # one more where it goes round the ring


@given(COUNTS, st.integers(1, 5))
def test_a_process_that_divides_the_lanes_reads_its_own_alone(counts, world):
    order = ShardOrder(np.array(counts), 4, 1, lanes=5 * world)
    photos = len(order) // world * world
    lanes = [
        {order.find(p).lane for p in Part(photos, photos, rank, world).find(0)[1]}
        for rank in range(world if photos else 0)
    ]
    assert sum(map(len, lanes)) == len(set().union(*lanes))


def test_epochs_and_seeds_differ_and_are_the_same_each_time():
    seen = {
        (seed, epoch): tuple(whole(ShardOrder(np.array([50] * 6), 8, seed), epoch))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(set(seen.values())) == 9
    assert seen[2, 1] == tuple(whole(ShardOrder(np.array([50] * 6), 8, 2), 1))


def test_every_photo_comes_everywhere_about_as_often():
    places = [
        np.argsort(whole(ShardOrder(np.array([5] * 8), 3, seed, 4), 0)) for seed in range(600)
    ]
    assert np.allclose(np.mean(places, 0), 19.5, atol=2.5)  # 11.5 / √600 · 5


def test_neighbours_in_the_order_are_of_many_shards():
    order = ShardOrder(np.full(1000, 100), 50, 0)
    for first in (0, 5000, 99_000):
        shards = order.take(0, range(first, first + 64)) // 100
        assert len(set(shards.tolist())) > 55


@given(st.integers(0, 40), st.sets(st.integers(0, 39)))
def test_what_is_left_out_is_known_without_the_rest(total, left_out):
    left = sorted(number for number in left_out if number < total)
    chosen = Chosen(total, np.array(left, np.int64))
    kept = [number for number in range(total) if number not in left_out]
    assert len(chosen) == len(kept)
    assert chosen[:].tolist() == kept
    assert chosen[::3].tolist() == kept[::3]
    assert chosen[np.arange(len(kept))[::-1]].tolist() == kept[::-1]
    below = chosen.count_below(np.arange(total + 1))
    assert below.tolist() == [sum(k < n for k in kept) for n in range(total + 1)]
