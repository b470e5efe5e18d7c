"""From the network's small ab to the photo's full size, and to RGB with the photo's own lightness.

The eye sees colour coarsely, but it sees colour that misses an edge. So ab is enlarged along the
lightness, as in the fast guided filter (He and Sun 2015, arXiv 1505.00996): around each small pixel
ab is taken for a line over L, ``slope * L + offset``; slope and offset are found at the small size,
enlarged, and applied to the full-size L. Three things differ from the paper, because each lowered
the error: the offset is not smoothed, so that the small ab is met exactly; slopes count only as far
as L explains ab; and the enlargement is bicubic.

Measured with the true ab of 30 training photographs, halved to 128 px so that their files' own
chroma subsampling is gone, then made 4 times smaller and enlarged again: mean distance in ab at the
tenth of pixels with the strongest edges in L, and over all pixels. The constants below were chosen
on the same photographs.

===============================  =====  =====
bilinear                         2.97   1.99
bicubic                          2.65   1.72
this                             2.50   1.64
===============================  =====  =====

At 2 times: 1.57 and 0.99, 1.23 and 0.77, 1.20 and 0.75. The filter as published, with smoothed
offsets, was worse than bilinear at every radius 1..4 and epsilon 10..200 tried, 1.8 to 3.9 times at
the edges.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from photochrom import color

Array = npt.NDArray[Any]  # float32 unless said otherwise

_RADIUS = 1  # of the window in which a line is fitted; small, as the network's ab is already small
_EPSILON = 100.0  # L², below which a window counts as flat and its slope fades; of 5..1000
_NOISE = 10.0  # ab², likewise for the ab that a slope explains; of 1, 10
_ROWS = 32  # worked on at a time by each thread: bounds memory, and suits the cache


@dataclass(frozen=True, eq=False)
class Chroma:
    """ab of a photo of any height, kept as lines over L until rows of it are asked for."""

    slope: Array
    """(2, h, W): full width already, network height."""
    offset: Array
    """(2, h, W)."""
    height: int
    """H, of the photo."""
    low: Array
    """(2, 1, 1): the least a and b of the network, which nothing goes under."""
    high: Array
    """(2, 1, 1)."""

    def rows(self, start: int, stop: int, L: Array) -> Array:
        """ab (2, stop - start, W) of some rows, whose lightness is L (stop - start, W)."""
        first, weights = _cubic_weights(start, stop, self.height, self.slope.shape[1])
        near = slice(first, first + weights.shape[1])
        # einsum, not @: BLAS would start its own threads within ours, and be far slower for it.
        slope, offset = (
            np.einsum("rk,ckw->crw", weights, plane[:, near]) for plane in (self.slope, self.offset)
        )
        return np.asarray(np.clip(slope * L + offset, self.low, self.high))


def fit(ab: Array, L: Array, size: tuple[int, int]) -> Chroma:
    """The lines over L that carry the network's ab to a photo's size.

    Args:
        ab: (2, h, w), the network's answer.
        L: (h, w), the lightness it saw.
        size: H, W of the photo.
    """
    mean, ab_mean = _blur(L), _blur(ab)
    variance = _blur(L * L) - mean * mean
    covariance = _blur(ab * L) - ab_mean * mean
    ab_variance = np.maximum(_blur(ab * ab) - ab_mean * ab_mean, 0)
    explained = covariance**2 / ((np.maximum(variance, 0) + 1e-3) * (ab_variance + _NOISE))
    slope = covariance / (variance + _EPSILON) * np.minimum(explained, 1)
    slope = _blur(slope)
    return Chroma(
        slope=_widen(slope, size[1]),
        offset=_widen(ab - slope * L, size[1]),
        height=size[0],
        low=ab.min(axis=(1, 2), keepdims=True),
        high=ab.max(axis=(1, 2), keepdims=True),
    )


def upsample(ab: Array, L: Array, full: Array) -> Array:
    """ab (2, H, W) of a photo with lightness ``full`` (H, W), from ab (2, h, w) and L (h, w).

    Stays within the least and greatest a and b given; equal sizes give ab back.
    """
    height, width = full.shape
    return fit(ab, L, (height, width)).rows(0, height, full)


def recombine(
    L: Array, ab: Chroma | Array, *, strength: float = 1.0, dtype: type[Any] = np.uint8
) -> Array:
    """A photo's lightness and colour as RGB; L stays, and colour that sRGB lacks is paled.

    Args:
        L: (H, W) in 0..100.
        ab: (2, H, W), or what :func:`fit` answers, which needs far less memory.
        strength: what ab is multiplied by; 0 gives the grey photo, exactly.
        dtype: numpy.uint8 or numpy.uint16, of the result.

    Returns:
        (H, W, 3).
    """
    if strength == 0:
        return grey(L, dtype)
    height, width = L.shape
    rgb = np.empty((height, width, 3), dtype)

    def paint(start: int) -> None:
        rows = slice(start, min(start + _ROWS, height))
        colours = ab.rows(start, rows.stop, L[rows]) if isinstance(ab, Chroma) else ab[:, rows]
        a, b = (np.float32(strength) * plane for plane in colours)
        rgb[rows] = _to_rgb(cv2.merge([L[rows], a, b]), dtype)

    with ThreadPoolExecutor(cv2.getNumThreads()) as pool:
        list(pool.map(paint, range(0, height, _ROWS)))  # list: so that an error is raised here
    return rgb


def _to_rgb(lab: Array, dtype: type[Any]) -> Array:
    """Lab (rows, W, 3) as RGB, fitted into sRGB."""
    encode = _encode8 if dtype is np.uint8 else _encode16
    rgb, top = encode(lab), float(np.iinfo(dtype).max)
    # Only a colour on the faces of the RGB cube can have been clipped to them.
    clipped = cv2.inRange(rgb, (1.0,) * 3, (top - 1,) * 3) == 0
    if clipped.any():
        rgb[clipped] = encode(color.fit_gamut(lab[clipped][None], axis=-1))[0]
    return rgb


def _encode8(lab: Array) -> Array:
    # cv2 is within 0.1 of an 8-bit level of our formula, and far faster.
    return np.asarray(cv2.convertScaleAbs(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), alpha=255))


def _encode16(lab: Array) -> Array:
    rgb = np.clip(color.lab_to_rgb(lab, axis=-1), 0, 1)
    return np.asarray(np.rint(rgb * 65535).astype(np.uint16))


def grey(L: Array, dtype: type[Any] = np.uint8) -> Array:
    """The grey photo (H, W, 3) that has these L."""
    levels = np.arange(np.iinfo(dtype).max + 1)
    lightness = color.grey_to_lightness(levels / levels[-1])
    photo = np.empty(L.shape, dtype)
    for row, target in zip(L, photo, strict=True):
        target[:] = np.rint(np.interp(row, lightness, levels))
    return np.repeat(photo[..., None], 3, axis=2)


# --- small arrays -----------------------------------------------------------------------------


def _each(function: Callable[[Array], Array], planes: Array) -> Array:
    """A function of one plane over (h, w) or (2, h, w)."""
    return function(planes) if planes.ndim == 2 else np.stack([function(p) for p in planes])


def _blur(planes: Array) -> Array:
    side = 2 * _RADIUS + 1
    return _each(lambda p: cv2.blur(p, (side, side), borderType=cv2.BORDER_REPLICATE), planes)


def _widen(planes: Array, width: int) -> Array:
    size = (width, planes.shape[1])
    return _each(lambda p: cv2.resize(p, size, interpolation=cv2.INTER_CUBIC), planes)


def _cubic_weights(start: int, stop: int, height: int, small: int) -> tuple[int, Array]:
    """How rows start..stop of ``height`` are mixed from ``small`` rows.

    Returns:
        The first small row that takes part, and the weights (stop - start, rows taking part).
    """
    centre = (np.arange(start, stop) + 0.5) * small / height - 0.5  # pixels have their middle at .5
    base = np.floor(centre).astype(int)
    first, last = max(base[0] - 1, 0), min(base[-1] + 2, small - 1)
    weights = np.zeros((stop - start, last - first + 1), np.float32)
    for tap in range(-1, 3):
        column = np.clip(base + tap, 0, small - 1) - first
        np.add.at(weights, (np.arange(len(base)), column), _cubic(np.abs(centre - base - tap)))
    return first, weights


def _cubic(x: Array) -> Array:
    """Keys 1981's kernel at distances x in 0..2, with the a = -0.75 that cv2.resize has."""
    a = -0.75
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, inner, outer)
