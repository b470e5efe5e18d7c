"""The order in which an epoch goes through shards, to be known at any place without listing it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
LANES = 64
"""Ways that an epoch goes side by side. Processes that divide this share none of them."""


class Part(NamedTuple):
    """Which photos of each step are those of one process."""

    photos: int
    """Of an epoch; those that are left over after the last whole step wait for another."""
    batch: int
    """Photos of a step, of all processes; a multiple of their number."""
    rank: int = 0
    world: int = 1

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return max(1, self.photos // self.batch)

    @property
    def size(self) -> int:
        """Photos of a step that this process gets."""
        return self.batch // self.world

    def find(self, step: int) -> tuple[int, range]:
        """The epoch of a step, counted over all of them, and positions in its order."""
        epoch, at = divmod(step, self.steps)
        return epoch, range(at * self.batch + self.rank, (at + 1) * self.batch, self.world)


class Place(NamedTuple):
    """Where in the order a photo is."""

    lane: int
    block: int
    """Of the lane, counted from 0 in each epoch."""
    at: int
    """Index in the block."""


class ShardOrder:
    """Every photo once, at random, and read forward in stretches.

    In each epoch the shards come in another random order, one after another, each photo in its
    place: a ring of all photos. It is cut, at a random place, into :data:`LANES` lanes of equal
    length, to within one photo. The epoch takes a photo of each lane in turn, so that
    neighbours in the order come from as many shards as there are lanes (or from as many places of
    them, where there are fewer). In a lane photos come in blocks of ``block``, each of which is
    shuffled within itself: to have a block is to have read a stretch of a shard, or of two, once.

    So this is not a full shuffle, in which any two photos may meet: those that lie in a shard
    within ``block`` of each other are seen within ``block`` times ``lanes`` photos. Where similar
    photos lie side by side, pack them in random order, as ``photochrom data pack`` does.

    It depends on seed, epoch and shards alone. Any place in it is found by arithmetic, so any
    number of processes can share it, and begin in the middle of it. Shards in random order with a
    bounded buffer are WebDataset's way (https://github.com/webdataset/webdataset), shuffling in
    blocks that are read at once is that of FFCV's quasi-random order (https://ffcv.io), and lanes
    that do not change with the number of processes are what Mosaic Streaming calls canonical nodes
    (https://docs.mosaicml.com/projects/streaming).

    Args:
        counts: photos of each shard.
        block: photos that are shuffled together, in each lane.
        seed: of all choices.
        lanes: how many.
    """

    def __init__(self, counts: Numbers, block: int, seed: int, lanes: int = LANES) -> None:
        self.counts, self.block, self.seed, self.lanes = counts, block, seed, lanes
        self.starts = np.cumsum(counts) - counts
        self._ring = lru_cache(2)(self._make_ring)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def find(self, position: int) -> Place:
        """Where a position of an epoch lies, from 0 to the number of photos."""
        at, lane = divmod(position, self.lanes)
        block, place = divmod(at + self._phase(lane), self.block)
        return Place(lane, block, place if block else at)

    def photos(self, epoch: int, lane: int, block: int) -> Numbers:
        """Numbers of a block's photos, in their order."""
        ends, turn, cut = self._ring(epoch)
        share, more = divmod(len(self), self.lanes)
        first, length = lane * share + min(lane, more), share + (lane < more)
        begin = max(0, block * self.block - self._phase(lane))
        end = min(length, (block + 1) * self.block - self._phase(lane))
        draw = np.random.default_rng([self.seed, epoch, lane, block])
        places = (cut + first + begin + draw.permutation(end - begin)) % len(self)
        shard = np.searchsorted(ends, places, side="right")
        chosen = turn[shard]
        return self.starts[chosen] + places - (ends[shard] - self.counts[chosen])

    def take(self, epoch: int, positions: range) -> Numbers:
        """Numbers of the photos at some positions of an epoch."""
        found = []
        blocks: dict[tuple[int, int], Numbers] = {}
        for position in positions:
            lane, block, at = self.find(position)
            if (lane, block) not in blocks:
                blocks[lane, block] = self.photos(epoch, lane, block)
            found.append(blocks[lane, block][at])
        return np.array(found, np.int64)

    def _phase(self, lane: int) -> int:
        """How much shorter the first block is, so that not all lanes need another at one time."""
        return lane * self.block // self.lanes

    def _make_ring(self, epoch: int) -> tuple[Numbers, Numbers, int]:
        draw = np.random.default_rng([self.seed, epoch])
        turn = draw.permutation(len(self.counts))
        return np.cumsum(self.counts[turn]), turn, int(draw.integers(max(1, len(self))))
