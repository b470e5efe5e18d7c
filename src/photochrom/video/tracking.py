"""Spots carried along the motion to both ends of their shot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from photochrom import files
from photochrom.color import Array
from photochrom.video.following import Follower

_NEAR = 0.04  # of the short side: spots of two frames that come so near speak of one thing
_ONE = 1.5  # pixels: likewise, of one frame
_HELD = 64 << 20  # bytes of pictures in memory, beyond which they are on the disk
_NONE: Mapping[int, Array] = {}
_QUALITY = 95  # of JPEG, at which grain is all that suffers


def track_spots(
    lightness: Iterable[Array], at: Mapping[int, Array], weaker: Mapping[int, Array] = _NONE
) -> list[Array]:
    """The spots of each frame of a shot: those of some of its frames, as far as they can be seen.

    A spot goes with what it lies on, forwards and backwards, until that leaves the picture, is
    covered, or looks different. Where two of different frames come to lie on nearly one point, the
    one of the nearer frame counts.

    Args:
        lightness: (h, w) float32, 0..100, of each frame; gone through once. Up to the last frame
            that has spots it is kept, in 64 MiB of memory and beyond that in a temporary file.
        at: by the frame's number in the shot, from 0: (n, 5) float32, see
            :mod:`photochrom.inference.spots`.
        weaker: likewise, of those that give way to all others, however near they are in time.

    Returns:
        For each frame (m, 5) float32 in a row of its own for each spot that is seen there.

    Raises:
        CannotWrite: the disk has no room for pictures.
    """
    found, last = _Found(at, weaker), max((*at, *weaker), default=-1)
    with _Pictures() as past:

        def remember() -> Iterator[tuple[int, Array]]:
            for number, codes in enumerate(map(_to_codes, lightness)):
                if number <= last:
                    past.add(codes)
                yield number, codes

        forth = list(found.follow(remember()))
        back = list(found.follow(past.backwards()))[::-1]
    back += [(np.zeros(0, np.int64), np.zeros((0, 2), np.float32))] * (len(forth) - len(back))
    return [
        found.settle(number, *map(np.concatenate, zip(*ways, strict=True)))
        for number, ways in enumerate(zip(forth, back, strict=True))
    ]


def follow_spots(
    lightness: Iterable[Array], at: Mapping[int, Array], weaker: Mapping[int, Array] = _NONE
) -> Iterator[Array]:
    """The same as the frames come, and forwards only: what :func:`track_spots` answers for each."""
    found = _Found(at, weaker)
    for number, (keys, yx) in enumerate(found.follow(enumerate(map(_to_codes, lightness)))):
        yield found.settle(number, keys, yx)


class _Found:
    """The spots of a shot, by the frames they are of."""

    def __init__(self, at: Mapping[int, Array], weaker: Mapping[int, Array] = _NONE) -> None:
        rows = [np.zeros((0, 7), np.float32)]  # the frame, whether it is weak, and a spot
        for weak, some in enumerate((at, weaker)):
            rows += [np.insert(spots, (0, 0), (frame, weak), 1) for frame, spots in some.items()]
        self._frame, self._weak = np.concatenate(rows)[:, :2].astype(np.int64).T
        self._spots = np.concatenate(rows)[:, 2:].astype(np.float32)
        self._least = 0.0

    def follow(self, frames: Iterable[tuple[int, Array]]) -> Iterator[tuple[Array, Array]]:
        """For each frame, with its number, the spots that reach it, and where they are there."""
        follower, begun = Follower(), False
        for number, codes in frames:
            self._least = _NEAR * min(codes.shape)
            new = np.flatnonzero(self._frame == number)
            if begun or len(new):
                follower.look(codes)
            if len(new):
                follower.add(new, self._spots[new, :2])
                begun = True
            yield follower.where()

    def settle(self, number: int, keys: Array, yx: Array) -> Array:
        """The spots of a frame, of those that reach it."""
        keys, first = np.unique(keys, return_index=True)
        order = np.lexsort((np.abs(self._frame[keys] - number), self._weak[keys]))
        keys, yx = keys[order], yx[first[order]]
        apart = np.hypot(*(np.subtract.outer(c, c) for c in yx.T))
        sources = self._frame[keys] * 2 + self._weak[keys]
        alike = np.equal.outer(sources, sources)
        taken = np.triu(apart < np.where(alike, np.float32(_ONE), np.float32(self._least)), 1)
        kept = np.ones(len(keys), bool)
        for row in np.flatnonzero(taken.any(1)):
            kept &= ~(kept[row] & taken[row])
        return np.column_stack([yx[kept], self._spots[keys[kept], 2:]])


class _Pictures:
    """Pictures that are wanted once more, the last first."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_HELD)  # noqa: SIM115
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, codes: Array) -> None:
        """Keep the next one, (h, w) uint8."""
        _, data = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        try:
            self._file.write(data.tobytes())
        except OSError as error:
            raise files.cannot_write(Path(tempfile.gettempdir()), error) from error
        self._ends.append(self._ends[-1] + len(data))

    def backwards(self) -> Iterator[tuple[int, Array]]:
        """Each with its number from 0, the last first."""
        for number in reversed(range(len(self._ends) - 1)):
            start, end = self._ends[number : number + 2]
            self._file.seek(start)
            data = np.frombuffer(self._file.read(end - start), np.uint8)
            yield number, np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def _to_codes(L: Array) -> Array:
    """Lightness in steps of a byte."""
    return np.asarray(cv2.convertScaleAbs(L, alpha=2.55))
