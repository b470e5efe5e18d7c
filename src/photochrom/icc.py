"""Colour profiles (ICC): pixels of any profile to sRGB.

A profile that cannot be used, broken or of another kind than the pixels, is ignored, and the pixels
are taken for sRGB: what browsers do, and better than refusing a photograph that can be seen.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Pixels = npt.NDArray[Any]  # uint8 or uint16

_UNUSABLE = (ImageCms.PyCMSError, OSError, ValueError, KeyError)
_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}  # ICC.1:2022, table 19: colour space
_TOLERANCE = 2
"""8-bit levels: sRGB profiles by different makers differ by less, other spaces by more."""


@cache
def srgb() -> bytes:
    """An sRGB profile to embed."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cmyk_to_srgb(image: Image.Image) -> Image.Image:
    """A CMYK picture as RGB, by its own profile where it has one that works."""
    try:
        return _transform(image, _open(image.info["icc_profile"]))
    except _UNUSABLE:
        return image.convert("RGB")


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """A Lab picture, whose white is that of profiles (D50), as RGB."""
    return _transform(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))


def to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Pixels (H, W) or (H, W, 3) of a grey or RGB profile as sRGB, same shape and dtype.

    8-bit colour goes through the whole profile. Grey, and 16-bit colour, for which Pillow has no
    transform, go channel by channel through the profile's curve for greys.
    """
    try:
        source = _open(profile)
        if pixels.ndim == 3 and pixels.dtype == np.uint8 and _mode(source) == "RGB":
            if _changes(_PRIMARIES, source) or _changes(_RAMP, source):
                return np.asarray(_transform(Image.fromarray(pixels), source))
            return pixels
        if not _changes(_RAMP, source):
            return pixels
        curve = _greys(_RAMP, source)[0, :, 1]
    except _UNUSABLE:
        return pixels
    if pixels.dtype == np.uint8:
        return np.asarray(curve[pixels])
    levels = np.interp(np.arange(65536) / 257, np.arange(256), curve * 257.0)
    return np.asarray(np.rint(levels).astype(np.uint16)[pixels])


_RAMP = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)  # (1, 256, 3)
_PRIMARIES = np.array([[[200, 50, 50], [50, 200, 50], [50, 50, 200]]], np.uint8)  # in any gamut


def _changes(probe: Any, source: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile does more to the probe than sRGB would: told by deed, not by name."""
    return int(np.abs(_greys(probe, source).astype(int) - probe).max()) > _TOLERANCE


def _greys(probe: Any, source: ImageCms.ImageCmsProfile) -> npt.NDArray[np.uint8]:
    return np.asarray(_transform(Image.fromarray(probe).convert(_mode(source)), source))


def _open(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _mode(profile: ImageCms.ImageCmsProfile) -> str:
    return _MODES[profile.profile.xcolor_space]


def _transform(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    result = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    if result is None:  # Pillow answers None only when it works in place
        raise ImageCms.PyCMSError("no result")
    return result
