"""U and V for a film's own Y."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.video.raster import Raster

LUMA_WEIGHTS = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}
"""Parts of red and blue in Y: ITU-R BT.709-6 item 3.2, BT.601-7 section 2.5.1."""


def make_chroma(
    ab: Array,
    small: Array,
    luma: Array,
    raster: Raster,
    *,
    matrix: str,
    size: tuple[int, int],
    strength: float = 1.0,
) -> tuple[Array, Array]:
    """U and V that give a frame its colours, codes of the frame's own depth and range.

    Args:
        ab: (2, h, w), the colours.
        small: (h, w), the lightness that they were found for.
        luma: (H, W), the frame's own codes, which stay.
        raster: how they are stored.
        matrix: "bt709" or "bt601".
        size: height and width of U and V.
        strength: what ab is multiplied by.
    """
    shrunk = cv2.resize(luma.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    L = np.interp(shrunk, np.arange(1 << raster.bits), raster.lightness()).astype(np.float32)
    known = fit_lines(ab, small).widen(size).rows(0, size[0], L) * np.float32(strength)
    rgb = cv2.cvtColor(cv2.merge([L, *known]), cv2.COLOR_Lab2RGB)
    kr, kb = LUMA_WEIGHTS[matrix]
    y = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    middle = np.float32(1 << (raster.bits - 1))
    top = (1 << raster.bits) - 1
    span = top if raster.full_range else 224 << (raster.bits - 8)
    u, v = (
        np.clip(np.rint(middle + span * (rgb[..., c] - y) / (2 * (1 - k))), 0, top)
        for c, k in ((2, kb), (0, kr))
    )
    return u.astype(luma.dtype), v.astype(luma.dtype)
