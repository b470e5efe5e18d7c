"""Numbers of any kind as the levels that a photo has: 8 or 16 bits, alpha not multiplied in."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array, Pixels
from photochrom.errors import BadPhoto

Levels = Array  # uint8 or uint16
_BAND = 1 << 20
"""Values that are worked on at a time, as wider numbers take several times the memory."""


def to_levels(array: Array, name: str) -> Levels:
    """Bring numbers to uint8 or uint16 in the machine's byte order.

    Args:
        array: uint8 or uint16, wider integers within 0..65535, or floating-point in 0..1.
        name: for the errors.

    Raises:
        BadPhoto: they are of another kind, or out of range.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and size <= 2:
        return array.astype(np.uint8 if size == 1 else np.uint16, copy=False)
    if kind not in "iuf":
        raise BadPhoto(f"{name} holds {array.dtype}: give uint8, uint16, or numbers in 0..1.")
    low, high, top = float(array.min()), float(array.max()), 1 if kind == "f" else 65535
    if not (low >= 0 and high <= top):  # in this form NaN fails as well
        raise BadPhoto(
            f"{name} holds numbers from {low:g} to {high:g}: scale them to 0..{top} first."
        )
    if kind != "f":
        return array.astype(np.uint16)
    levels = np.empty(array.shape, np.uint16)
    for rows in bands(array):
        part = array[rows].astype(np.float32, copy=False)
        levels[rows] = np.rint(part * np.float32(65535))
    return levels


def stretch(array: Array, bits: int) -> Levels:
    """Bring unsigned numbers of 1..64 bits to the full range of uint8, or of uint16 beyond 8 bits.

    Numbers of more than 16 bits that all fit in 16 are taken for levels of 16: programs that store
    whole numbers wide seldom mean a picture that is black all over.
    """
    if bits in (8, 16):
        return array.astype(np.uint8 if bits == 8 else np.uint16, copy=False)
    top, highest = (255, (1 << bits) - 1) if bits < 8 else (65535, (1 << bits) - 1)
    kind = np.uint8 if bits < 8 else np.uint16
    if bits > 16 and array.max() <= 65535:
        return array.astype(np.uint16)
    levels = np.empty(array.shape, kind)
    for rows in bands(array):
        levels[rows] = np.rint(array[rows].astype(np.float64) * (top / highest))
    return levels


def drop_equal_channels(pixels: Levels) -> Levels:
    """One plane (H, W) of an RGB picture (H, W, 3) that is grey throughout; any other as it is."""
    if pixels.ndim == 2:
        return pixels
    grey = np.empty(pixels.shape[:2], pixels.dtype)
    for rows in bands(pixels):
        red, green, blue = cv2.split(pixels[rows])
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            return pixels
        grey[rows] = red
    return grey


def to_8_bits(levels: Levels) -> Pixels:
    """The nearest of 0..255 of each level."""
    if levels.dtype == np.uint8:
        return levels
    return np.asarray(cv2.convertScaleAbs(levels, alpha=1 / 257))  # rounds; 65535 / 257 = 255


def unmultiply(pixels: Levels, alpha: Levels) -> Levels:
    """Take alpha out of pixels that it was multiplied into; where it is 0 they are black."""
    top, result = int(np.iinfo(pixels.dtype).max), np.empty_like(pixels)
    for rows in bands(pixels):
        part, share = pixels[rows].astype(np.uint64), alpha[rows].astype(np.uint64)
        share = share[..., None] if pixels.ndim == 3 else share
        whole = (part * top + share // 2) // np.maximum(share, 1)
        result[rows] = np.where(share > 0, np.minimum(whole, top), 0)
    return result


def invert(pixels: Levels) -> Levels:
    """Levels whose white was 0."""
    return np.iinfo(pixels.dtype).max - pixels


def bands(array: Array) -> list[slice]:
    """Rows of an array, about a megavalue at a time."""
    height = max(1, len(array))
    step = max(1, _BAND * height // max(1, array.size))
    return [slice(top, top + step) for top in range(0, len(array), step)]
