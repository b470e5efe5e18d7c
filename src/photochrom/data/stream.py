"""Photos one after another, decoded as they are needed: for a set that no cache holds.

The order of an epoch is a function of the seed and the epoch alone. Files (shards, or photos of
their own) come in a random order; the sequence is cut into one piece for each worker of each rank,
wherever that falls, within a shard too; and in its piece each photo moves at random by less than
``buffer`` places. So reading goes forward through a few files, no photo is had twice or left out,
and to go on in the middle of an epoch nothing has to be read again.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from photochrom.color import Pixels
from photochrom.data import shards
from photochrom.data.cache import fit
from photochrom.data.shards import Source, digest
from photochrom.errors import BadData, BadOption, BadPhoto
from photochrom.image.headers import read_size

State = dict[str, int | str]

_SCAN = b"\xff\xda"
_PLAIN_PIXELS, _PLAIN_SCANS = 50_000_000, 20
"""What the quick way of decoding takes at most."""


class Stream:
    """The photos of one worker of one rank, epoch after epoch.

    ``for name, pixels in stream`` gives what is left of the epoch; the next such loop gives the
    next epoch. ``pixels`` are (h, w, 3) uint8 sRGB, upright. A photo that cannot be decoded is left
    out and noted in ``unreadable``. Pieces differ by one photo at most, so of ranks that have to
    take as many steps, each takes ``len(stream.sources) // (world * workers)`` photos.

    Args:
        sources: the photos, as :func:`photochrom.data.shards.find` gives them; the same for all.
        side: scale the short side to so many pixels; by default photos come as they are.
        seed: of the order.
        buffer: how far a photo may move in its piece, photos.
        rank, world: which process of how many this is.
        worker, workers: which reader of how many in the process this is.
        threads: decode ahead on so many threads; 0 decodes where the photos are asked for.

    Raises:
        BadOption: a rank or a worker beyond their number, or no buffer.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        side: int | None = None,
        seed: int = 0,
        buffer: int = 4096,
        rank: int = 0,
        world: int = 1,
        worker: int = 0,
        workers: int = 1,
        threads: int = 0,
    ) -> None:
        if not (0 <= rank < world and 0 <= worker < workers):
            raise BadOption(
                f"Rank {rank} of {world}, worker {worker} of {workers}: they count from 0."
            )
        if buffer < 1 or threads < 0:
            raise BadOption(f"buffer is {buffer} and threads {threads}: give at least 1 and 0.")
        self.sources, self.side, self.seed, self.buffer = sources, side, seed, buffer
        self.piece, self.pieces = rank * workers + worker, world * workers
        self.threads = threads
        self.epoch, self.taken = 0, 0
        self.unreadable: dict[str, str] = {}
        changes = [a.path != b.path for a, b in itertools.pairwise(sources)]
        self._file = np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)[: len(sources)]

    def __len__(self) -> int:
        """Photos in an epoch of this piece."""
        first, end = self._span()
        return end - first

    def __iter__(self) -> Iterator[tuple[str, Pixels]]:
        numbers = self.order(self.epoch)[self.taken :]
        with contextlib.closing(self._photos(numbers)) as photos:
            for number, photo in zip(numbers, photos, strict=True):
                self.taken += 1  # before it is handed out, as the caller may not come back
                name = self.sources[number].name
                if isinstance(photo, BadPhoto):
                    self.unreadable[name] = str(photo)
                else:
                    yield name, photo
        self.epoch, self.taken = self.epoch + 1, 0

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Numbers of this piece's photos in ``sources``, in the order of the epoch."""
        draw = np.random.default_rng([self.seed, epoch])
        turn = draw.permutation(self._file[-1] + 1 if len(self._file) else 0)
        sequence = np.argsort(turn[self._file], kind="stable")
        mine = sequence[slice(*self._span())]
        draw = np.random.default_rng([self.seed, epoch, self.piece])
        moved = np.arange(len(mine)) + draw.uniform(0, self.buffer, len(mine))
        return mine[np.argsort(moved, kind="stable")]

    def state(self) -> State:
        """Where this is, for :meth:`restore`; JSON can hold it."""
        return {"epoch": self.epoch, "taken": self.taken, "order": self._key()}

    def restore(self, state: State) -> None:
        """Go on where another stream was, in the same order as if it had gone on itself.

        Raises:
            BadData: that one had other photos, another seed or buffer, or another piece of them.
        """
        if state.get("order") != self._key():
            raise BadData(
                "The photos, the seed, or the number of processes are not what they were: "
                "begin the epoch anew."
            )
        self.epoch, self.taken = int(state["epoch"]), int(state["taken"])

    def _span(self) -> tuple[int, int]:
        n = len(self.sources)
        return self.piece * n // self.pieces, (self.piece + 1) * n // self.pieces

    def _key(self) -> str:
        photos = "\n".join(f"{source.name}\t{source.size}" for source in self.sources)
        return digest(
            f"{self.seed} {self.buffer} {self.piece} {self.pieces}\n{photos}".encode(
                errors="surrogateescape"
            )
        )

    def _photos(self, numbers: npt.NDArray[np.int64]) -> Generator[Pixels | BadPhoto, None, None]:
        if not self.threads:
            yield from map(self._photo, numbers)
            return
        waiting: deque[Future[Pixels | BadPhoto]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for number in numbers:
                    waiting.append(pool.submit(self._photo, number))
                    if len(waiting) > 2 * self.threads:  # bounds what waits in memory
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _photo(self, number: int) -> Pixels | BadPhoto:
        try:
            with shards.one_of_many():
                pixels = decode(self.sources[number].read())
                return pixels if self.side is None else fit(pixels, self.side)
        except BadPhoto as error:
            return error


def decode(data: bytes) -> Pixels:
    """As :func:`photochrom.data.shards.decode`, faster where a file holds nothing but pixels.

    Raises:
        BadPhoto: not an image, or cut short.
    """
    if _plain(data):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if bgr is not None:
            return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    return shards.decode(data)


def _plain(data: bytes) -> bool:
    """Whether it has no orientation, profile or alpha that would have to be heeded, nor asks much.

    What does is decoded by the other way, which looks at all that a file asks for.
    """
    size = read_size(data)
    if not size or size.width * size.height > _PLAIN_PIXELS or data.count(_SCAN) > _PLAIN_SCANS:
        return False
    if data[:4] == b"RIFF":  # WebP's simple format has one chunk and no room for others
        return data[8:16] == b"WEBPVP8 " and int.from_bytes(data[4:8], "little") + 8 == len(data)
    if data[:4] != b"\xff\xd8\xff\xe0" or data[-2:] != b"\xff\xd9":
        return False
    after = 4 + int.from_bytes(data[4:6], "big")  # of JFIF's own segment
    return data[after : after + 2] == b"\xff\xdb"  # the tables: no EXIF, profile or Adobe's colours
