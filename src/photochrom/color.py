"""Colour: sRGB to CIE Lab and back, the sRGB gamut, and the grid of ab bins.

One formula serves numpy arrays and torch tensors; torch is never imported here. Arrays hold
floating-point numbers and have three channels along ``axis`` (default -3: ``(..., 3, H, W)``).

====  ==================================================
sRGB  0..1, gamma-encoded
L     0..100
a, b  about -86..98 and -108..94 inside sRGB; -128..127 by convention
====  ==================================================

Sources: transfer curve from IEC 61966-2-1; primaries and white (D65, 2 degree observer) from
ITU-R BT.709-6, table 1, as the matrix of D. Brainard and C. Poynton's Color FAQ, question 18,
with the digits scikit-image uses, so that figures agree with other people's; Lab from
CIE 15:2004, section 8.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Same = TypeVar("Same")  # numpy.ndarray or torch.Tensor: what comes in goes out
Array = npt.NDArray[Any]
Float = npt.NDArray[np.floating[Any]]
Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
RGB_FROM_XYZ: tuple[tuple[float, ...], ...] = tuple(
    map(tuple, np.linalg.inv(XYZ_FROM_RGB).tolist())
)
WHITE = (0.95047, 1.0, 1.08883)  # D65, XYZ

# Lab's cube root has a straight piece near black, written as scikit-image writes it.
LAB_EPSILON, LAB_KAPPA, LAB_OFFSET = 0.008856, 7.787, 16 / 116


def to_uint8(rgb: Array) -> Pixels:
    """sRGB in 0..1 to the nearest of 0..255, same shape; what lies outside is clipped."""
    levels: Pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return levels


def planes_to_pixels(rgb: Array) -> Pixels:
    """sRGB in 0..1, (3, H, W), to (H, W, 3) uint8."""
    return to_uint8(rgb.transpose(1, 2, 0))


def rgb_to_lab(rgb: Same, axis: int = -3) -> Same:
    """sRGB in 0..1 to Lab. Same shape, dtype and kind of array; differentiable everywhere."""
    xp, channels = _unstack(rgb, axis)
    linear = [rgb_to_light(c) for c in channels]
    x, y, z = (
        _cube_root(xp, c / w) for c, w in zip(_mix(XYZ_FROM_RGB, linear), WHITE, strict=True)
    )
    return xp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis)  # type: ignore[no-any-return]


def rgb_to_light(rgb: Same) -> Same:
    """sRGB in 0..1 to light in 0..1, of any shape: the gamma undone."""
    xp: Any = _namespace(rgb)
    above: Any = ((xp.clip(rgb, 0.04045, None) + 0.055) / 1.055) ** 2.4
    return xp.where(rgb > 0.04045, above, rgb / 12.92)  # type: ignore[operator, no-any-return]


def light_to_lightness(light: Same) -> Same:
    """Light in 0..1, white being 1, to L in 0..100, of any shape."""
    return 116 * _cube_root(_namespace(light), light) - 16  # type: ignore[no-any-return]


def _cube_root(xp: Any, t: Any) -> Any:
    return xp.where(
        t > LAB_EPSILON, xp.clip(t, LAB_EPSILON, None) ** (1 / 3), LAB_KAPPA * t + LAB_OFFSET
    )


def lab_to_rgb(lab: Same, axis: int = -3) -> Same:
    """Lab to sRGB. Colours outside the gamut come out beyond 0..1; the caller decides."""
    xp, channels = _unstack(lab, axis)
    encoded = [
        xp.where(c > 0.0031308, 1.055 * xp.clip(c, 0.0031308, None) ** (1 / 2.4) - 0.055, 12.92 * c)
        for c in _to_linear(xp, *channels)
    ]
    return xp.stack(encoded, axis)  # type: ignore[no-any-return]


def _to_linear(xp: Any, lightness: Any, a: Any, b: Any) -> list[Any]:
    """Red, green and blue light, 0..1 inside the gamut."""
    y = (lightness + 16) / 116
    xyz = [
        w * xp.where(f > LAB_EPSILON ** (1 / 3), f * f * f, (f - LAB_OFFSET) / LAB_KAPPA)
        for f, w in zip((y + a / 500, y, y - b / 200), WHITE, strict=True)
    ]
    return _mix(RGB_FROM_XYZ, xyz)


def grey_to_lightness(grey: Float) -> Float:
    """Grey levels in 0..1 to L: what :func:`rgb_to_lab` answers for r = g = b, any shape."""
    lightness: Float = rgb_to_lab(np.stack([grey] * 3), axis=0)[0]
    return lightness


def fit_gamut(lab: Float, axis: int = -3, *, check: bool = True) -> Float:
    """Pull colours that sRGB cannot show towards grey, at constant L and hue, until it can.

    Clipping each RGB channel instead would change lightness and hue. What sRGB can show stays as it
    is; of the rest a table tells how much chroma their L and hue may have, nearly always to within
    0.5.

    Args:
        lab: the colours.
        axis: of their channels.
        check: look at what the table told, and pale the few that still lie outside. For levels of 8
            bits that takes as long again, and changes none.
    """
    planes = np.moveaxis(np.asarray(lab), axis, 0)
    fitted = planes.reshape(3, -1).copy()
    outside = np.flatnonzero(~in_gamut(fitted, axis=0))
    if not len(outside):
        return lab
    lightness, a, b = fitted.take(outside, axis=1)  # as an index, it takes ten times as long
    polar = cv2.cartToPolar(a.astype(np.float32), b.astype(np.float32))
    chroma, hue = (np.asarray(c).ravel() for c in polar)
    share = np.minimum(_most_chroma(lightness, hue) / np.maximum(chroma, 1e-6), 1).astype(a.dtype)
    if check:
        _pale(share, lightness, a, b)
    fitted[1][outside], fitted[2][outside] = a * share, b * share
    return np.moveaxis(fitted.reshape(planes.shape), 0, axis)


def _pale(share: Float, lightness: Float, a: Float, b: Float) -> None:
    """Lower those shares of chroma with which sRGB cannot show the colours; (n,), as are all."""
    over = np.flatnonzero(~_shows(_to_linear(np, lightness, a * share, b * share)))
    for less in _LESS:
        if not len(over):
            break
        share[over] *= less
        tried = share[over]
        shown = _shows(_to_linear(np, lightness[over], a[over] * tried, b[over] * tried))
        over = over[~shown]


def in_gamut(lab: Float, axis: int = -3) -> npt.NDArray[np.bool_]:
    """Which colours sRGB can show, to within a quarter of an 8-bit step."""
    return _shows(_to_linear(np, *np.moveaxis(np.asarray(lab), axis, 0)))


def _shows(linear: list[Any]) -> npt.NDArray[np.bool_]:
    # A quarter of 1/255, divided by the slope of the encoding at 0, times its inverse at 1.
    low, high = -0.25 / 255 / 12.92, 1 + 0.25 / 255 * 2.4 / 1.055
    r, g, b = ((c >= low) & (c <= high) for c in linear)
    return np.asarray(r & g & b)


_LEVELS, _HUES = 257, 512  # of the table of chroma, by L down and by hue across
_STRETCH = 32  # of its rows, which fit into a core's cache: a quarter of the time of all at once
_REACH = 140.0  # more chroma than sRGB has
_MARGIN = 0.999  # or half of what it tells would lie outside by a trace
_LESS = 0.98, 0.95, 0.9, 0.8, 0.5, 0  # tried in turn where, between its entries, it tells too much


def _most_chroma(lightness: Float, hue: Float) -> Float:
    """How much chroma sRGB has there, from the table: (n,), as are both."""
    shape = -(-len(hue) // 4096), min(len(hue), 4096)  # cv2.remap takes no row as long as n
    down = np.resize(lightness.astype(np.float32), shape) * np.float32((_LEVELS - 1) / 100)
    across = np.resize(hue, shape) * np.float32(_HUES / (2 * np.pi))
    most = cv2.remap(_table(), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(most).ravel()[: len(hue)] * np.float32(_MARGIN)


@cache
def _table() -> Float:
    """The most chroma of every L and hue, (L, hue) float32; the last hue is the first again."""
    hue = np.linspace(0, 2 * np.pi, _HUES + 1, dtype=np.float32)
    lightness, a, b = np.broadcast_arrays(
        np.linspace(0, 100, _LEVELS, dtype=np.float32)[:, None],
        np.float32(_REACH) * np.cos(hue),
        np.float32(_REACH) * np.sin(hue),
    )
    lab = np.stack([lightness, a, b])
    stretches = np.split(lab, range(_STRETCH, _LEVELS, _STRETCH), axis=1)
    return np.concatenate([_bisect(*rows) for rows in stretches]) * np.float32(_REACH)


def _bisect(lightness: Float, a: Float, b: Float, steps: int = 12) -> Float:
    """The largest share of a and b that sRGB can show, to within 2 ** -steps; as shaped as they."""
    share = np.zeros_like(a)
    for step in 0.5 ** np.arange(1, steps + 1, dtype=a.dtype):
        more = share + step
        share += step * _shows(_to_linear(np, lightness, a * more, b * more))
    return share


# --- the ab plane in bins ------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """A square grid of cells over the ab plane, counted row by row: a down, b across."""

    start: int
    """The lower edge of the first cell, on both axes, in ab units."""
    side: int
    """Cells along each axis."""
    cell: int = 10
    """Width of a cell in ab units: Zhang et al. 2016 (arXiv 1603.08511), section 2.2."""

    def index(self, a: Any, b: Any) -> Any:
        """The cell 0..side² - 1 in which ab lies: whole numbers, in the dtype and kind of ``a``."""
        xp = _namespace(a)
        row, column = (xp.clip((c - self.start) // self.cell, 0, self.side - 1) for c in (a, b))
        return row * self.side + column

    def centres(self) -> Float:
        """The middle of every cell, ``(side², 2)`` float32, in the order of :meth:`index`."""
        axis = np.arange(self.side, dtype=np.float32) * self.cell + self.start + self.cell / 2
        return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)

    def in_gamut(self) -> npt.NDArray[np.bool_]:
        """Which cells hold a colour that sRGB can show, ``(side²,)``."""
        _, a, b = gamut_surface()
        possible = np.zeros(self.side**2, bool)
        possible[self.index(a, b).astype(int)] = True
        return possible


STUDY_GRID = Grid(start=-130, side=26)
"""The study's 676 classes; 268 of them exist in sRGB. No cell is centred on grey."""

ZHANG_GRID = Grid(start=-115, side=23)
"""Cells centred on multiples of 10, so that grey is one of them; 261 exist in sRGB."""


@cache
def gamut_surface() -> Float:
    """Lab of every 8-bit colour on the faces of the RGB cube, ``(3, 6 * 256 * 256)`` float32.

    Seen from along L, the solid covers exactly what its surface covers, so this is all that is
    needed to know which ab exist.
    """
    level = np.linspace(0, 1, 256, dtype=np.float32)
    u, v = (m.ravel() for m in np.meshgrid(level, level))
    faces = [
        np.insert(np.stack([u, v]), channel, end, axis=0) for channel in range(3) for end in (0, 1)
    ]
    return rgb_to_lab(np.concatenate(faces, axis=1), axis=0)


# --- numpy and torch under one roof ---------------------------------------------------------


def _namespace(x: Any) -> Any:
    if type(x).__module__.partition(".")[0] == "torch":
        import sys

        return sys.modules["torch"]
    return np


def _unstack(x: Any, axis: int) -> tuple[Any, tuple[Any, Any, Any]]:
    xp = _namespace(x)
    r, g, b = x.unbind(axis) if xp is not np else np.moveaxis(x, axis, 0)
    return xp, (r, g, b)


def _mix(matrix: tuple[tuple[float, ...], ...], channels: list[Any]) -> list[Any]:
    first, second, third = channels
    return [row[0] * first + row[1] * second + row[2] * third for row in matrix]
