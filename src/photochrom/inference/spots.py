"""Spots: hints as a network takes them, and as what follows it does.

An array ``(n, 5)`` float32 has a row for each: y and x in pixels of what the network sees, a, b,
and how far it reaches, as a factor. Functions take it without the last column, too: it is 1 then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photochrom.color import Array
from photochrom.inference.hints import Hint, Reach

PATCH = 5
"""Side of the square that stands for a hint in the network's planes; it trained with 1..9."""
REACHES: dict[Reach, float] = {"small": 0.5, "normal": 1.0, "large": 2.0}
"""How far each lets a hint's colour go, in units of how far it goes by itself."""


def to_spots(hints: Sequence[Hint], photo: tuple[int, int], small: tuple[int, int]) -> Array:
    """Where hints on a photo lie in a smaller picture of it.

    Args:
        hints: on the photo, none outside.
        photo: its height and width.
        small: height and width of the smaller picture.

    Returns:
        ``(n, 5)`` float32: y and x in pixels of the smaller picture, a, b, and the factor of
        :data:`REACHES`.
    """
    height, width = photo
    down, across = small[0] / height, small[1] / width
    rows = [(hint.y * down, hint.x * across, *hint.ab, REACHES[hint.reach]) for hint in hints]
    return np.array(rows, np.float32).reshape(-1, 5)


def scale_spots(spots: Array, down: float, across: float) -> Array:
    """Spots ``(n, 4)`` or ``(n, 5)`` in a picture that is so many times as high and as wide."""
    scaled = spots.astype(np.float32)
    scaled[:, :2] *= np.array([down, across], np.float32)
    return scaled


def to_cells(spots: Array, small: Array, cells: Sequence[int]) -> Array:
    """Row and column of the cell, of so many, in which each spot on ``small`` lies, ``(n, 2)``."""
    rows, columns = cells
    scaled = spots[:, :2] * (np.array([rows, columns]) / small.shape)
    return to_pixels(scaled, (rows, columns))


def to_planes(spots: Array, size: tuple[int, int], patch: int = PATCH) -> Array:
    """The planes a network takes, ``(3, H, W)`` float32: a, b and a mask of 0 or 1.

    Args:
        spots: ``(n, 4)`` or ``(n, 5)``, as of :func:`to_spots`. Where patches overlap each pixel
            shows the nearest.
        size: H and W.
        patch: side of the square that each spot fills, odd.
    """
    shown = np.zeros((3, *size), np.float32)
    nearest = np.full(size, np.inf)
    for spot in spots:
        (y, x), reach = to_pixels(spot[None], size)[0], patch // 2
        square = np.s_[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        rows, columns = (np.arange(length)[part] for length, part in zip(size, square, strict=True))
        distance = np.hypot(rows[:, None] - y, columns - x)
        closer = distance < nearest[square]
        nearest[square][closer] = distance[closer]
        shown[:, *square][:, closer] = np.array([*spot[2:4], 1], np.float32)[:, None]
    return shown


def to_pixels(spots: Array, size: tuple[int, int]) -> Array:
    """Row and column of the pixel that each spot lies in, ``(n, 2)`` int64; the edge belongs to
    the last.
    """
    last = np.array(size) - 1
    return np.asarray(np.minimum(np.floor(spots[:, :2]).astype(np.int64), last))
