"""Whether a photo is grey, toned, as sepia and cyanotype prints are, or in colour.

A toned print has one ink and one paper: each lightness has its colour, ab(L), and where dark and
light are too fine to be told apart, a mixture of those, which lies on the way to grey. So in a copy
that is 64 pixels long each pixel is held against the middle colour of the pixels as light as it is:
what counts is how far it lies beside the way from grey through that colour, and of these distances
the one that 2 % of the pixels exceed. A photo is in colour beyond 3.2, or where 5 % of it is more
vivid than any toning.

Distances are ab units, shortened for strong tones, whose hue strays more. Chosen on 1,500 photos in
colour and on 245 photos toned in ten ways (grey, sepia, cyanotype, selenium, split, yellowed paper,
faded, uneven, a scanner's cast and noise, and the usual filter), saved as JPEG of quality 40 to 95.
docs/log.md, 2026-11-23, tells how often it is wrong.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from photochrom import color
from photochrom.color import Array, Plane
from photochrom.image.photo import Photo

Tone = Literal["grey", "toned", "colour"]

_SIDE = 64
_GREY = 2.0  # chroma that 98 % of a grey photo stays below: JPEG's rounding and a scanner's noise
_STRAY = 3.2
_VIVID = 55.0  # chroma; a deep cyanotype has 45
_FADE = 0.02  # share of a distance taken off per unit of chroma
_HUELESS = 3.0  # chroma below which a colour tells no direction from grey, and all distance counts
_LEVELS = 32  # groups of pixels of like lightness


def measure_tone(photo: Photo) -> Tone:
    """What a photo is; where it is transparent does not count."""
    lab = _sample_lab(photo)
    ab = lab[:, 1:]
    chroma = np.hypot(ab[:, 0], ab[:, 1])
    if not len(lab) or np.percentile(chroma, 98) < _GREY:
        return "grey"
    if np.percentile(chroma, 95) > _VIVID or np.percentile(distance_from_tone(lab), 98) > _STRAY:
        return "colour"
    return "toned"


def is_color(photo: Photo) -> bool:
    """Whether a photo is in colour, and not merely toned."""
    return measure_tone(photo) == "colour"


def distance_from_tone(lab: Array) -> npt.NDArray[np.float64]:
    """How far each of the Lab colours (n, 3) lies beside its lightness's own, (n,), unordered."""
    parts = max(1, min(_LEVELS, len(lab) // 32))
    found = []
    for group in np.array_split(lab[np.argsort(lab[:, 0], kind="stable"), 1:], parts):
        middle = np.median(group, axis=0)
        off, vividness = group - middle, float(np.hypot(*middle))
        if vividness > _HUELESS:
            beside = np.abs(off[:, 0] * middle[1] - off[:, 1] * middle[0]) / vividness
            opposite = group @ middle < 0
            beside[opposite] = np.hypot(group[opposite, 0], group[opposite, 1])
        else:
            beside = np.hypot(off[:, 0], off[:, 1])
        found.append(beside / (1 + _FADE * vividness))
    return np.concatenate(found).astype(np.float64)


def _sample_lab(photo: Photo) -> Plane:
    """Lab of the photo's pixels at a small size, (n, 3)."""
    pixels = photo.pixels
    if pixels.ndim == 2:
        return np.zeros((0, 3), np.float32)
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    top = np.float32(np.iinfo(pixels.dtype).max)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32) / top
    lab: Plane = color.rgb_to_lab(small, axis=-1).reshape(-1, 3)
    if photo.alpha is None:
        return lab
    alpha = cv2.resize(photo.alpha, size, interpolation=cv2.INTER_AREA)
    return lab[alpha.reshape(-1) > 0.99 * top]
