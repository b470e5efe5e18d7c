"""A set of photos that no cache could hold: each is decoded when it is needed, a little ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from photochrom.color import Pixels
from photochrom.data.cache import PhotoSet, fit
from photochrom.data.shards import Source, digest, one_of_many
from photochrom.data.stream import Stream, decode
from photochrom.errors import BadData, BadOption, BadPhoto


class Streamed(PhotoSet):
    """Photos where they lie, scaled as they are read.

    What is known of a photo before it is read is its name and its size, so its ``digests`` are of
    these: of a file its name, of a shard's photo the shard's name and its own.

    Args:
        sources: the photos, as :func:`photochrom.data.shards.find` gives them.
        side: short side they are scaled to, pixels.
        readers: threads that read and decode ahead.

    Raises:
        BadOption: no readers.
    """

    def __init__(self, sources: Sequence[Source], side: int, readers: int = 4) -> None:
        if readers < 1:
            raise BadOption(f"--readers is {readers}: give at least 1.")
        super().__init__([source.name for source in sources], [_key(s) for s in sources], {})
        self.sources, self.side, self.readers = sources, side, readers
        self._pool = ThreadPoolExecutor(readers, "photochrom-reader")
        self._coming: dict[int, Future[Pixels]] = {}

    def __getitem__(self, i: int) -> Pixels:
        """Photo i, ``(h, w, 3)`` uint8.

        Raises:
            BadPhoto: it cannot be read.
        """
        coming = self._coming.pop(i, None)
        return coming.result() if coming else self._read(i)

    def each(self, numbers: Iterable[int]) -> Iterator[Pixels]:
        """The photos of these numbers that can be read, one after another."""
        waiting: deque[int] = deque()
        for i in numbers:
            self.expect([i])
            waiting.append(i)
            if len(waiting) > 2 * self.readers:
                yield from self._readable(waiting.popleft())
        for i in waiting:
            yield from self._readable(i)

    def take(self, numbers: Sequence[int]) -> list[Pixels]:
        """As many photos as there are numbers; where one cannot be read another stands in for it.

        Raises:
            BadData: none of them can be read.
        """
        self.expect(numbers)
        photos = [next(self._readable(i), None) for i in numbers]
        good = [photo for photo in photos if photo is not None]
        if not good:
            name = self.names[numbers[0]]
            raise BadData(
                f"None of the photos of a step can be read; {name}: "
                f"{self.unreadable[name]} Look where they lie, then --resume."
            )
        return [good[k % len(good)] if photo is None else photo for k, photo in enumerate(photos)]

    def expect(self, numbers: Iterable[int]) -> None:
        """Begin to read photos that will be asked for."""
        for i in numbers:
            if i not in self._coming:
                self._coming[i] = self._pool.submit(self._read, i)

    def order(self, chosen: npt.NDArray[np.int64], seed: int) -> Stream:
        """What gives each epoch an order of the chosen ones, in which shards are gone through."""
        return Stream([self.sources[i] for i in chosen], seed=seed)

    def _readable(self, i: int) -> Iterator[Pixels]:
        try:
            yield self[i]
        except BadPhoto as error:
            self.unreadable[self.names[i]] = str(error)

    def _read(self, i: int) -> Pixels:
        with one_of_many():
            return fit(decode(self.sources[i].read()), self.side)


def _key(source: Source) -> str:
    told = f"{source.path.name}/{source.member}\t{source.size}"
    return digest(told.encode(errors="surrogateescape"))
