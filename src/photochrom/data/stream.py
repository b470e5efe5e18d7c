"""A set of photos that no cache could hold: each is decoded when it is needed, a little ahead."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from photochrom.color import Pixels
from photochrom.data.cache import PhotoSet
from photochrom.data.decode import decode, digest, scale_short_side
from photochrom.data.shards import PhotoSource, process_photo
from photochrom.errors import BadData, BadOption, BadPhoto
from photochrom.parallel import map_ahead


def shuffle_by_shard(
    sources: Sequence[PhotoSource], seed: int, epoch: int, buffer: int = 4096
) -> npt.NDArray[np.int64]:
    """Numbers of the photos in the order of an epoch, which depends on seed and epoch alone.

    Files (shards, or photos of their own) come in a random order, and in the sequence of all photos
    each moves at random by less than ``buffer`` places, so that reading goes forward through a
    few files. Many processes share an epoch by parts of its order.
    """
    changes = [a.path != b.path for a, b in itertools.pairwise(sources)]
    file = np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)[: len(sources)]
    turn = np.random.default_rng([seed, epoch]).permutation(file[-1] + 1 if len(file) else 0)
    sequence = np.argsort(turn[file], kind="stable")
    moves = np.random.default_rng([seed, epoch, 0]).uniform(0, buffer, len(sequence))
    return sequence[np.argsort(np.arange(len(sequence)) + moves, kind="stable")]


class StreamedPhotos(PhotoSet):
    """Photos where they lie, scaled as they are read.

    What is known of a photo before it is read is its name and its size, so its ``digests`` are of
    these: of a file its name, of a shard's photo the shard's name and its own.

    Args:
        sources: the photos, as :func:`photochrom.data.shards.find_sources` gives them.
        side: short side they are scaled to, pixels.
        readers: threads that read and decode ahead.

    Raises:
        BadOption: no readers.
    """

    def __init__(self, sources: Sequence[PhotoSource], side: int, readers: int = 4) -> None:
        if readers < 1:
            raise BadOption(f"--readers is {readers}: give at least 1.")
        keys = [f"{s.path.name}/{s.member}\t{s.size}" for s in sources]
        digests = [digest(key.encode(errors="surrogateescape")) for key in keys]
        super().__init__([source.name for source in sources], digests, {})
        self.sources, self.side, self.readers = sources, side, readers
        self._pool = ThreadPoolExecutor(readers, "photochrom-reader")
        self._coming: dict[int, Future[Pixels | BadPhoto]] = {}

    def __getitem__(self, i: int) -> Pixels:
        """Photo i, ``(h, w, 3)`` uint8.

        Raises:
            BadPhoto: it cannot be read.
        """
        photo = self._try(i)
        if isinstance(photo, BadPhoto):
            raise photo
        return photo

    def read_photos(self, numbers: Iterable[int]) -> Iterator[Pixels]:
        """The photos of these numbers that can be read, one after another."""
        numbers = list(numbers)
        for i, photo in zip(numbers, map_ahead(self._try, numbers, self.readers), strict=True):
            if self._is_good(photo, i):
                yield photo

    def prefetch(self, numbers: Iterable[int]) -> None:
        """Begin to read photos that :meth:`read_step` will be asked for."""
        for i in numbers:
            if i not in self._coming:
                self._coming[i] = self._pool.submit(self._try, i)

    def read_step(self, numbers: Sequence[int]) -> list[Pixels]:
        """As many photos as there are numbers; where one cannot be read another stands in for it.

        Raises:
            BadData: none of them can be read.
        """
        self.prefetch(numbers)
        read = {i: self._coming.pop(i).result() for i in dict.fromkeys(numbers)}
        photos = [read[i] for i in numbers]
        good = [photo for i, photo in zip(numbers, photos, strict=True) if self._is_good(photo, i)]
        if not good:
            name = self.names[numbers[0]]
            raise BadData(
                f"None of the photos of a step can be read; {name}: "
                f"{self.unreadable[name]} Look where they lie, then --resume."
            )
        return [good[k % len(good)] if isinstance(p, BadPhoto) else p for k, p in enumerate(photos)]

    def shuffle(
        self, chosen: npt.NDArray[np.int64], seed: int, epoch: int
    ) -> npt.NDArray[np.int64]:
        """Places in ``chosen`` in the order of an epoch, see :func:`shuffle_by_shard`."""
        return shuffle_by_shard([self.sources[i] for i in chosen], seed, epoch)

    def _try(self, i: int) -> Pixels | BadPhoto:
        return process_photo(
            self.sources[i], lambda data: scale_short_side(decode(data), self.side)
        )

    def _is_good(self, photo: Pixels | BadPhoto, i: int) -> TypeGuard[Pixels]:
        if isinstance(photo, BadPhoto):
            self.unreadable[self.names[i]] = str(photo)
            return False
        return True
