"""A set of photos that no cache could hold: read in stretches of shards, and decoded when needed.

What is held of the set grows with its shards, not with its photos; besides, of the shards that are
being read the tables of their members, and of each lane of the order the encoded photos of a block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from photochrom.color import Pixels
from photochrom.data.decode import as_bad_photo, decode, digest, scale_short_side
from photochrom.data.members import Members, Shard
from photochrom.data.order import LANES
from photochrom.data.photo_set import Numbers, PhotoSet
from photochrom.data.photo_source import PhotoSource
from photochrom.errors import BadData, BadOption, BadPhoto
from photochrom.parallel import map_ahead

BLOCK = 1 << 20
"""Bytes of photos that are read at once, and shuffled, about."""
LOOKED_AT = 1 << 18
"""Photos at least, of a larger set, among which are all that are held out."""
_TOGETHER = 16
"""Photos that a thread takes at a time, where they are asked for by number."""
_GAP = 1 << 17
"""Bytes between two photos that are sooner read along than left out."""
_MOST = 1 << 24
"""Bytes that are read at once at most, but for a single photo."""
Encoded = bytes | BadPhoto


class StreamedPhotos(PhotoSet):
    """Photos where they lie, scaled as they are read.

    What is known of a photo before it is read is its name and its size, and so it is held out by
    these: of a file its name, of a shard's photo the shard's name and its own.

    Args:
        shards: the files, as :func:`photochrom.data.shards.find_shards` gives them; those whose
            number of photos is not known are gone through.
        side: short side that photos are scaled to, pixels.
        readers: threads that read ahead, and as many that decode.
        cache: folder where tables are kept of tars that had to be gone through.

    Raises:
        BadOption: no readers. BadData: a shard that had to be gone through cannot be read, or
            there are no photos.
    """

    def __init__(
        self, shards: Sequence[Shard], side: int, readers: int = 4, cache: Path | None = None
    ) -> None:
        if readers < 1:
            raise BadOption(f"--readers is {readers}: give at least 1.")
        self.unreadable = {}
        self.shards, self.side, self.readers = shards, side, readers
        self.counts = np.array(count_photos(shards, cache), np.int64)
        self.starts = np.cumsum(self.counts) - self.counts
        if not len(self):
            raise BadData(f"No photos in {shards[0].path}: name another folder or .tar.")
        self._members = lru_cache(2 * LANES)(lambda shard: shards[shard].read_members(cache))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def __getitem__(self, i: int) -> Pixels:
        """Photo i, ``(h, w, 3)`` uint8.

        Raises:
            BadPhoto: it cannot be read.
        """
        photo = self.decode(self.read_encoded(np.array([i]))[0])
        if isinstance(photo, BadPhoto):
            raise photo
        return photo

    def read_photos(self, numbers: Iterable[int]) -> Iterator[Pixels]:
        """The photos of these numbers that can be read, one after another: ``(h, w, 3)`` uint8."""
        listed = np.fromiter(numbers, np.int64)
        parts = [listed[i : i + _TOGETHER] for i in range(0, len(listed), _TOGETHER)]

        def read(part: Numbers) -> list[Pixels | BadPhoto]:
            return [self.decode(photo) for photo in self.read_encoded(part)]

        for part, photos in zip(parts, map_ahead(read, parts, self.readers), strict=True):
            for i, photo in zip(part.tolist(), photos, strict=True):
                if isinstance(photo, BadPhoto):
                    self.note(i, photo)
                else:
                    yield photo

    def name(self, i: int) -> str:
        """What photo i is called in reports."""
        shard, place = self._find(i)
        try:
            return self.shards[shard].source(self._find_members(shard), place).name
        except BadData:
            return f"{self.shards[shard].path}, photo {place + 1}"

    def note(self, i: int, trouble: BadPhoto) -> None:
        """Keep why photo i could not be read."""
        self.unreadable[self.name(i)] = str(trouble)

    def fingerprint(self) -> str:
        """A digest of the shards: their names, photos and bytes."""
        found = hashlib.sha256()
        for shard, count in zip(self.shards, self.counts.tolist(), strict=True):
            told = f"{shard.path.name}\t{count}\t{shard.size}\n"
            found.update(told.encode(errors="surrogateescape"))
        return found.hexdigest()

    def look(self, part: slice, *, whole: bool) -> Iterator[tuple[int, str, str]]:
        """Number, name and digest of each photo that may be held out.

        Of a large set only some shards are looked at: as many, in the order of a digest of their
        names, as have :data:`LOOKED_AT` photos together. None is held out of the others.

        Raises:
            BadData: one of them cannot be read, or has changed.
        """
        for shard in self._looked_at(whole)[part]:
            path, members = self.shards[shard].path, self._find_members(shard)
            for i in members:
                name, _, size, _ = members[i]
                key = f"{path.name}/{name}\t{size}".encode(errors="surrogateescape")
                full = f"{path}/{name}" if name else str(path)
                yield int(self.starts[shard]) + i, full, digest(key)

    def _looked_at(self, whole: bool) -> list[int]:
        every = range(len(self.shards))
        if whole or len(self) <= LOOKED_AT:
            return list(every)
        names = (shard.path.name.encode(errors="surrogateescape") for shard in self.shards)
        keys = [digest(name) for name in names]
        turn = np.array(sorted(every, key=keys.__getitem__))
        enough = int(np.searchsorted(np.cumsum(self.counts[turn]), LOOKED_AT)) + 1
        return sorted(turn[:enough].tolist())

    def block_size(self) -> int:
        """Photos that are read at once, by their mean size: about :data:`BLOCK` bytes of them."""
        return max(1, BLOCK * len(self) // max(1, sum(shard.size for shard in self.shards)))

    def read_encoded(self, numbers: Numbers) -> list[Encoded]:
        """Encoded photos in the order of their numbers: neighbours in a file by one request."""
        found: dict[int, Encoded] = {}
        places = np.searchsorted(self.starts, numbers, side="right") - 1
        for shard in np.unique(places).tolist():
            mine = numbers[places == shard]
            try:
                members = self._find_members(shard)
            except BadData as error:
                found |= dict.fromkeys(mine.tolist(), BadPhoto(str(error)))
                continue
            at = (mine - self.starts[shard]).tolist()
            sources = [self.shards[shard].source(members, i) for i in at]
            found |= zip(mine.tolist(), self._read_neighbours(sources), strict=True)
        return [found[i] for i in numbers.tolist()]

    def _read_neighbours(self, sources: Sequence[PhotoSource]) -> list[Encoded]:
        found: list[Encoded] = [BadPhoto(source.trouble) for source in sources]
        for stretch, held in join_neighbours(sources):
            try:
                data = self.read(stretch)
            except BadPhoto as error:
                for i in held:
                    found[i] = error
                continue
            for i in held:
                begin = sources[i].offset - stretch.offset
                found[i] = data[begin : begin + sources[i].size]
        return found

    def read(self, stretch: PhotoSource) -> bytes:
        """Make one request.

        Raises:
            BadPhoto: it fails.
        """
        return stretch.read()

    def decode(self, photo: Encoded) -> Pixels | BadPhoto:
        """Decode and scale a photo, or say what is wrong with it."""
        if isinstance(photo, BadPhoto):
            return photo
        try:
            with as_bad_photo():
                return scale_short_side(decode(photo), self.side)
        except BadPhoto as error:
            return error

    def _find_members(self, shard: int) -> Members:
        members = self._members(shard)
        if len(members) != self.counts[shard]:  # or its photos would have the numbers of others
            raise BadData(f"{self.shards[shard].path} has changed: pack it anew.")
        return members

    def _find(self, i: int) -> tuple[int, int]:
        shard = int(np.searchsorted(self.starts, i, side="right")) - 1
        return shard, i - int(self.starts[shard])


def count_photos(shards: Sequence[Shard], cache: Path | None = None) -> list[int]:
    """Photos of each shard; those of which it is not known are gone through.

    Raises:
        BadData: one of these cannot be read.
    """
    return [len(s.read_members(cache)) if s.count is None else s.count for s in shards]


def join_neighbours(sources: Sequence[PhotoSource]) -> Iterator[tuple[PhotoSource, list[int]]]:
    """Stretches of one file to read, each with the indices of the photos that lie in it."""
    right = (i for i, source in enumerate(sources) if not source.trouble)
    begin = end = 0
    held: list[int] = []
    for i in sorted(right, key=lambda i: sources[i].offset):
        offset, far = sources[i].offset, sources[i].offset + sources[i].size
        if held and (offset - end > _GAP or far - begin > _MOST):
            yield PhotoSource(sources[i].path, "", begin, end - begin), held
            held = []
        begin, end = (begin, max(end, far)) if held else (offset, far)
        held.append(i)
    if held:
        yield PhotoSource(sources[held[0]].path, "", begin, end - begin), held
