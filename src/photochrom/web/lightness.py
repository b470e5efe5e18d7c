"""A photo's own lightness at full size, handed out in tiles without loss."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from photochrom.color import Array, Pixels
from photochrom.errors import BadOption
from photochrom.image.levels import bands
from photochrom.image.reader import read_photo
from photochrom.inference import chroma_upsampling
from photochrom.web.photo_store import PhotoLimits, check_size

TILE = 1024
"""Pixels that a tile may be wide and high."""


class TilePlace(NamedTuple):
    """Which part of a photo a tile shows, and how small."""

    x: int
    """Of its left edge, in pixels of the photo."""
    y: int
    width: int
    """In pixels of the photo."""
    height: int
    shrink: int = 1
    """Pixels of the photo, across and down, that become one of the tile."""

    def check(self, extent: tuple[int, int]) -> None:
        """Refuse a place that a photo of this width and height does not have.

        Raises:
            BadOption: it lies outside, or the tile would be too large.
        """
        width, height = extent
        if self.x + self.width > width or self.y + self.height > height:
            raise BadOption(f"The tile leaves the photo: that has {width} × {height} pixels.")
        if max(self.width, self.height) > TILE * self.shrink:
            raise BadOption(f"The tile is too large: ask for at most {TILE} × {TILE} pixels.")


def read_lightness(data: bytes, limits: PhotoLimits) -> Pixels:
    """The grey levels (H, W) of a file's first page, upright.

    Raises:
        BadPhoto: it cannot be read. RequestProblem: it is too large.
    """
    check_size(data, limits)
    photo = read_photo(data)
    if photo.pixels.ndim == 2 and photo.pixels.dtype == np.uint8:
        return np.ascontiguousarray(photo.pixels)
    levels = np.empty(photo.pixels.shape[:2], np.uint8)
    for rows in bands(levels):
        levels[rows] = chroma_upsampling.to_grey_levels(photo.lightness(rows))
    return levels


def cut_tile(levels: Pixels, place: TilePlace) -> bytes:
    """A part of the grey levels as a PNG, of ``width / shrink`` by ``height / shrink`` pixels."""
    x, y, width, height, shrink = place
    part = levels[y : y + height, x : x + width]
    if shrink > 1:
        small = -(-width // shrink), -(-height // shrink)
        return encode_grey(cv2.resize(part, small, interpolation=cv2.INTER_AREA))
    return encode_grey(part)


def encode_grey(levels: Array) -> bytes:
    """A PNG of grey levels (H, W): as fast as can be, as it is looked at once."""
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return cv2.imencode(".png", np.ascontiguousarray(levels), fast)[1].tobytes()
