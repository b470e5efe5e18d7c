"""Frames that come as pictures, from a program or a folder, and not as a film's luma."""

from __future__ import annotations

from typing import NamedTuple

from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.inference.chroma_upsampling import shrink
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.video.asking import Asker
from photochrom.video.raster import Raster

_SKETCH = 96
"""The longer side at which cuts are looked for."""


class Picture(NamedTuple):
    """A frame, and what the network sees of it."""

    number: int
    """From 0."""
    photo: Photo
    lightness: Array
    """L, (h, w) float32, 0..100."""


def ask_about(size: tuple[int, int], colorizer: Colorizer, options: ColorizeOptions) -> Asker:
    """What is asked about frames of such a height and width.

    Raises:
        BadOption: the model has no ``vivid``.
    """
    raster = Raster(height=size[0], width=size[1], bits=8, full_range=True)
    return Asker(colorizer, raster, options)


def look(number: int, photo: Photo, asker: Asker) -> Picture:
    """A frame as the network sees it."""
    return Picture(number, photo, shrink(photo.lightness, size_of(photo), asker.size))


def sketch(photo: Photo) -> Array:
    """A frame's lightness as small as cuts are looked for in it, (h, w), of its own shape."""
    height, width = size_of(photo)
    scale = min(1.0, _SKETCH / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    return shrink(photo.lightness, (height, width), small)


def size_of(photo: Photo) -> tuple[int, int]:
    """Height and width."""
    return photo.pixels.shape[0], photo.pixels.shape[1]
