"""A photograph as it is held here: pixels in sRGB, upright, and the metadata that must survive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom import color
from photochrom.color import Array, Plane
from photochrom.image import icc
from photochrom.image.levels import Levels, drop_equal_channels, to_8_bits

Text = tuple[tuple[str, str], ...]
"""Remarks by keyword, such as ("Comment", "the old house"); keywords as PNG has them. Bytes that
are no UTF-8 stand there as surrogates (PEP 383)."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph: pixels in sRGB, upright, and the metadata that must survive."""

    pixels: Levels
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16."""
    alpha: Levels | None = None
    """(H, W), same dtype as the pixels."""
    exif: bytes = b""
    """The block, from its byte order on, made to fit the pixels as they are here."""
    xmp: bytes = b""
    """The XMP packet."""
    iptc: bytes = b""
    """The IPTC records (IIM)."""
    text: Text = ()
    """Remarks, each with its keyword."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, across and down."""
    profiled: bool = False
    """Whether the file named its colour space; if so, what is written names sRGB."""
    format: str | None = None
    """Pillow's name, such as "JPEG"; None for an array."""
    source: Path | None = None
    """The file it came from, which is never written to."""
    pictures: int = 1
    """How many its file holds: pages of a TIFF, or frames of an animation."""
    quality: int | None = None
    """Of the JPEG it came from, 1..100."""
    uncolored: Levels | None = None
    """Pixels before they were coloured, (H, W) or (H, W, 3), for a format that holds both."""
    notes: tuple[str, ...] = ()
    """What was left behind, and why: a clause each, such as "its IPTC records are damaged and were
    left out"; the picture itself is whole."""

    def __post_init__(self) -> None:
        # What Pillow writes begins with the name of JPEG's segment.
        object.__setattr__(self, "exif", self.exif.removeprefix(b"Exif\0\0"))

    @property
    def paged(self) -> bool:
        """Whether it is one of the pages of a TIFF."""
        return self.format == "TIFF" and self.pictures > 1

    def planes(self) -> Levels:
        """Pixels and alpha in one array: (H, W), (H, W, 3) or (H, W, 4)."""
        if self.alpha is None:
            return self.pixels
        if self.pixels.ndim == 2:
            return np.dstack([self.pixels] * 3 + [self.alpha])
        return np.dstack([self.pixels, self.alpha])

    def lightness(self, rows: slice = slice(None)) -> Plane:
        """L of CIE Lab, (H, W) in 0..100. Colour and alpha, if any, are left out.

        Args:
            rows: of these alone, by default of all. A few at a time need little memory.
        """
        top = int(np.iinfo(self.pixels.dtype).max)
        pixels = drop_equal_channels(self.pixels[rows])  # a scan in RGB is often grey
        if pixels.ndim == 2:
            return _look_up(_lightness_table(top), pixels)
        height, width = pixels.shape[:2]
        lightness = np.empty((height, width), np.float32)
        step = max(1, 1_000_000 // width)  # a megapixel at a time bounds the memory
        weights = np.array([color.XYZ_FROM_RGB[1]], np.float32)
        for start in range(0, height, step):
            linear = _look_up(_linear_table(top), pixels[start : start + step])  # 0..1
            y = cv2.transform(linear, weights)
            curved = cv2.pow(y, 1 / 3) * 116 - 16  # several times faster than numpy's power
            dark = y <= color.LAB_EPSILON
            if dark.any():
                curved[dark] = y[dark] * np.float32(116 * color.LAB_KAPPA)
            lightness[start : start + step] = curved
        return lightness


def _look_up(table: Plane, pixels: Levels) -> Plane:
    """The table's entry for every level."""
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, table))  # cv2 has no larger tables
    return table[pixels]


@cache
def _lightness_table(top: int) -> Plane:
    """L of every grey level 0..top."""
    return color.grey_to_lightness(np.linspace(0, 1, top + 1)).astype(np.float32)


@cache
def _linear_table(top: int) -> Plane:
    """Linear light of every level 0..top: the Y that belongs to its L."""
    f = (_lightness_table(top).astype(float) + 16) / 116
    straight = (f - color.LAB_OFFSET) / color.LAB_KAPPA
    return np.where(f**3 > color.LAB_EPSILON, f**3, straight).astype(np.float32)


def to_image(photo: Photo) -> Image.Image:
    """The photo as a PIL image of 8 bits a channel, which is all that Pillow has for colour."""
    image = Image.fromarray(to_8_bits(photo.planes()))
    block = b"Exif\0\0" + photo.exif if photo.exif else b""
    profile = icc.srgb_profile() if photo.profiled else b""
    known = {"exif": block, "xmp": photo.xmp, "dpi": photo.dpi, "icc_profile": profile}
    image.info |= {key: value for key, value in known.items() if value}
    return image


def to_array(photo: Photo, dtype: npt.DTypeLike) -> Array:
    """Levels, and alpha as a fourth channel, in an array's own dtype; floating-point in 0..1."""
    planes = photo.planes()
    if np.issubdtype(dtype, np.floating):
        return (planes / np.iinfo(planes.dtype).max).astype(dtype)
    return planes.astype(dtype)
