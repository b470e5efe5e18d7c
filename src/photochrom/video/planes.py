"""U and V for a film's own Y."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom import color
from photochrom.color import Array
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.video.raster import Raster

LUMA_WEIGHTS = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}
"""Parts of red and blue in Y: ITU-R BT.709-6 item 3.2, BT.601-7 section 2.5.1."""

_GREY = 0.5
"""ab up to which nobody sees a colour."""


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
    """Make U and V that give a frame its colours, in codes of its own depth and range.

    Y is a sum of encoded red, green and blue, and no lightness: a strong red of the same L is
    darker in Y. As Y stays, the colour is taken that has these ab and this Y.

    Args:
        ab: (2, h, w), the colours.
        small: (h, w), the lightness that they were found for.
        luma: (H, W) uint8 or uint16, the frame's own codes, which stay.
        raster: how they are stored.
        matrix: "bt709" or "bt601".
        size: height and width of U and V.
        strength: what ab is multiplied by.

    Returns:
        U and V, each of that size and of luma's type.
    """
    codes = (
        luma if luma.shape == size else cv2.resize(luma, size[::-1], interpolation=cv2.INTER_AREA)
    )
    black, white = raster.black_and_white
    table = raster.lightness()
    L = table[codes]
    known = np.float32(strength) * fit_lines(ab, small).along(L)
    # What a grey of this code lacks in Y once it is coloured, it gets in lightness.
    y = _luma(_to_rgb(L, known), matrix)
    grey = (codes.astype(np.float32) - black) / (white - black)
    nearer = np.rint(black + (white - black) * np.clip(2 * grey - y, 0, 1)).astype(np.intp)
    rgb = _to_rgb(table[nearer], known)
    y = _luma(rgb, matrix)
    span = white if raster.full_range else 224 << (raster.bits - 8)
    middle, top = 1 << (raster.bits - 1), (1 << raster.bits) - 1
    kr, kb = LUMA_WEIGHTS[matrix]
    u, v = (
        np.clip(np.rint((rgb[..., c] - y) * (span / (2 - 2 * k)) + middle), 0, top)
        for c, k in ((2, kb), (0, kr))
    )
    return u.astype(luma.dtype), v.astype(luma.dtype)


def _luma(rgb: Array, matrix: str) -> Array:
    kr, kb = LUMA_WEIGHTS[matrix]
    return cv2.transform(rgb, np.array([[kr, 1 - kr - kb, kb]], np.float32))


def _to_rgb(L: Array, ab: Array) -> Array:
    """sRGB (h, w, 3) float32, 0..1; a colour that it lacks is paled."""
    lab = cv2.merge([L, *ab])
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    # Only a colour on the faces of the RGB cube can have been clipped to them; black bars are grey.
    inside = cv2.inRange(rgb, (1e-6,) * 3, (1 - 1e-6,) * 3)
    clipped = np.flatnonzero((inside == 0) & (np.abs(ab).max(0) > _GREY))
    if clipped.size:
        wanted = lab.reshape(-1, 3)[clipped].T.astype(np.float32)
        fitted = cv2.merge(list(color.fit_gamut(wanted[:, None], axis=0)))
        rgb.reshape(-1, 3)[clipped] = cv2.cvtColor(fitted, cv2.COLOR_Lab2RGB)[0]
    return np.asarray(rgb)
