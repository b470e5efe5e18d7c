"""The protocol: how a photo is cut before it is measured, and what a colorizer is told of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from photochrom.color import Pixels, Plane

Protocol = Literal["crop96", "crop256", "crop512", "native", "colormf"]

SIDES: dict[str, int | None] = {
    "crop96": 96,
    "crop256": 256,
    "crop512": 512,
    "native": None,
    "colormf": 256,
}
"""Each protocol's square in pixels; ``native`` leaves the photo as it is."""

PUBLISHED = "colormf"
"""The protocol that is not ours, but ColorMF's, after the papers on colorization: see
github.com/AdelZakirov/ColorMF, eval/README.md and eval/imagenet_val5k.py at 0b38c31."""

MEAN_AB = (1.06, 7.37)
"""Mean ab of the 5,800 photos of the study's training set, each photo counting the same."""

HINT_COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
HINT_PATCH = 6
"""Side in pixels of the patch that a hint tells the colour of."""


def crop(photo: Pixels, protocol: Protocol) -> Pixels:
    """The part of a photo that is measured, ``(H, W, 3)`` uint8.

    ``crop96``, ``crop256``, ``crop512``: the short side is brought to that many pixels (Pillow's
    bicubic), also where that is enlarging, and the square in the middle is kept. ``native``: all.
    ``colormf``: the largest square in the middle, odd margins rounded down, brought to 256 x 256
    pixels in one step (OpenCV's bilinear on the 8-bit values, which skips pixels where it makes a
    photo much smaller).
    """
    side = SIDES[protocol]
    if side is None:
        return photo
    if protocol == PUBLISHED:
        square = min(photo.shape[:2])
        top, left = ((length - square) // 2 for length in photo.shape[:2])
        middle = photo[top : top + square, left : left + square]
        return np.asarray(
            cv2.resize(middle, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    scale = side / min(photo.shape[:2])
    tall, wide = (round(length * scale) for length in photo.shape[:2])
    image = Image.fromarray(photo).resize((wide, tall), Image.Resampling.BICUBIC)
    left, top = (wide - side) // 2, (tall - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


def shown_lightness(pixels: Pixels, lab: Plane, protocol: Protocol) -> Plane:
    """What a colorizer is shown of a photo that was cut, ``(1, H, W)`` float32 in 0..100.

    L of its Lab; by ``colormf`` that of OpenCV's 8-bit Lab, which comes in steps of 100 / 255.

    Args:
        pixels: ``(H, W, 3)`` uint8 sRGB.
        lab: the same as Lab, ``(3, H, W)``.
        protocol: one of :data:`SIDES`.
    """
    if protocol != PUBLISHED:
        return lab[:1]
    stepped = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB)[None, ..., 0]
    return stepped * np.float32(100 / 255)


def file_order(name: str) -> tuple[str, str]:
    """The key that sorts photos by their file names, whatever folders they lie in."""
    return re.split(r"[/\\]", name)[-1], name


def draw_hints(lab: Plane, n: int, seed: int | Sequence[int]) -> Plane:
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
