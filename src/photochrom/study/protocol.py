"""The protocol: how a photo is cut before it is measured, and what a hint tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Protocol = Literal["crop96", "crop256", "crop512", "native"]

SIDES: dict[str, int | None] = {"crop96": 96, "crop256": 256, "crop512": 512, "native": None}
"""Each protocol's square in pixels; ``native`` leaves the photo as it is."""

MEAN_AB = (1.06, 7.37)
"""Mean ab of the 5,800 photos of the study's training set, each photo counting the same."""

HINT_COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
HINT_PATCH = 6
"""Side in pixels of the patch that a hint tells the colour of."""


def cut(photo: Pixels, protocol: Protocol) -> Pixels:
    """The part of a photo that is measured, ``(H, W, 3)`` uint8.

    ``crop96``, ``crop256``, ``crop512``: the short side is brought to that many pixels (Pillow's
    bicubic), also where that is enlarging, and the square in the middle is kept. ``native``: all.
    """
    side = SIDES[protocol]
    if side is None:
        return photo
    scale = side / min(photo.shape[:2])
    tall, wide = (round(length * scale) for length in photo.shape[:2])
    image = Image.fromarray(photo).resize((wide, tall), Image.Resampling.BICUBIC)
    left, top = (wide - side) // 2, (tall - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


def reveal(lab: Plane, n: int, seed: int | Sequence[int]) -> Plane:
    """The true colours of ``n`` patches at random places of a photo.

    Args:
        lab: ``(3, H, W)``, at least 6 x 6 pixels.
        n: how many; fewer of the same seed are the first of these.
        seed: of the places, which may overlap.

    Returns:
        ``(n, 4)`` float32: y and x of each patch's middle in pixels, and its mean a and b.
    """
    side = HINT_PATCH
    free = np.array(lab.shape[1:]) - side + 1  # places along each axis that lie wholly inside
    corners = (np.random.default_rng(seed).random((n, 2)) * free).astype(int)
    spots = [
        (y + side / 2, x + side / 2, *lab[1:, y : y + side, x : x + side].mean((1, 2)))
        for y, x in corners
    ]
    return np.array(spots, np.float32).reshape(n, 4)
