"""The photos of each step of a training, streamed: read and decoded a little ahead of it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from photochrom.color import Pixels
from photochrom.data.order import Part, ShardOrder
from photochrom.data.photo_set import Chosen, Numbers
from photochrom.data.stream import Encoded, StreamedPhotos
from photochrom.errors import BadData, BadPhoto
from photochrom.parallel import submit_ahead

_AHEAD = 1
"""Steps whose photos are being decoded while one is computed."""


class _Next(NamedTuple):
    """A photo of this process, in the order."""

    epoch: int
    position: int
    lane: int
    begins: bool
    """Whether it is the first that is needed of a block."""


class StreamedSteps:
    """The photos of each step, for one of the processes that share them.

    From step to step it goes on reading. At any other step, as when a training is resumed, it
    begins anew, by any number of processes: of the block that each lane is in, it reads the
    photos that are still to come, and none that was seen.

    Args:
        photos: the set.
        chosen: the numbers to go through.
        seed: of the order, see :class:`~photochrom.data.order.ShardOrder`.
        part: which of each step this process gets.
    """

    def __init__(self, photos: StreamedPhotos, chosen: Chosen, seed: int, part: Part) -> None:
        self.photos, self.chosen, self.part = photos, chosen, part
        before = np.append(chosen.count_below(photos.starts), len(chosen))
        self.order = ShardOrder(np.diff(before), photos.block_size(), seed)
        self._readers, self._decoders = (
            ThreadPoolExecutor(photos.readers, f"photochrom-{name}") for name in ("read", "decode")
        )
        self._coming: Generator[tuple[int, Pixels | BadPhoto], None, None] | None = None
        self._step = -1

    def __call__(self, step: int) -> list[Pixels]:
        """Photos of a step, counted from 0 over all epochs, each ``(h, w, 3)`` uint8.

        For one that cannot be read another stands in.

        Raises:
            BadData: none of them can be read.
        """
        if self._coming is None or step != self._step:
            self.close()
            self._coming = self._read_on(step)
        self._step = step + 1
        read = list(itertools.islice(self._coming, self.part.size))
        for i, photo in read:
            if isinstance(photo, BadPhoto):
                self.photos.note(i, photo)
        good = [photo for _, photo in read if not isinstance(photo, BadPhoto)]
        if not good:
            number, reason = read[0]
            raise BadData(
                f"None of the photos of a step can be read; {self.photos.name(number)}: {reason} "
                "Look where they lie, then --resume."
            )
        photos = enumerate(photo for _, photo in read)
        return [good[k % len(good)] if isinstance(p, BadPhoto) else p for k, p in photos]

    def close(self) -> None:
        """Stop reading ahead."""
        if self._coming is not None:
            self._coming.close()

    def numbers(self, step: int) -> Numbers:
        """Numbers of the photos of a step."""
        epoch, positions = self.part.find(step)
        return self.chosen[self.order.take(epoch, positions)]

    def _read_on(self, step: int) -> Generator[tuple[int, Pixels | BadPhoto], None, None]:
        """Numbers and photos from a step on, without end."""
        encoded, ahead = self._read_encoded(step), _AHEAD * self.part.size
        decode = self.photos.decode
        return submit_ahead(self._decoders, lambda one: (one[0], decode(one[1])), encoded, ahead)

    def _read_encoded(self, step: int) -> Iterator[tuple[int, Encoded]]:
        begun = (photo for photo in self._walk(step) if photo.begins)
        blocks = submit_ahead(self._readers, self._read_block, begun, self.photos.readers)
        held: dict[int, deque[tuple[int, Encoded]]] = {}
        for photo in self._walk(step):
            if photo.begins:
                held[photo.lane] = next(blocks)
            yield held[photo.lane].popleft()

    def _walk(self, step: int) -> Iterator[_Next]:
        """What comes from a step on, without end."""
        within: dict[int, tuple[int, int]] = {}
        for now in itertools.count(step):
            epoch, positions = self.part.find(now)
            for position in positions:
                lane, block, _ = self.order.find(position)
                yield _Next(epoch, position, lane, within.get(lane) != (epoch, block))
                within[lane] = epoch, block

    def _read_block(self, first: _Next) -> deque[tuple[int, Encoded]]:
        """Numbers and photos of a block that come to this process, from one on."""
        lane, block, at = self.order.find(first.position)
        photos = self.order.photos(first.epoch, lane, block)[at:]
        positions = first.position + self.order.lanes * np.arange(len(photos))
        end = self.part.steps * self.part.batch
        mine = (positions % self.part.world == self.part.rank) & (positions < end)
        numbers = self.chosen[photos[mine]]
        return deque(zip(numbers.tolist(), self.photos.read_encoded(numbers), strict=True))
