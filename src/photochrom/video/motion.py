"""Where things have moved from one frame to another, and where that can be trusted.

The motion is OpenCV's dense inverse search (Kroeger et al. 2016, arXiv 1603.03590). It is trusted
where the way there and back ends where it began, and where the grey is the same at both ends, once
the light of the whole picture is: old film flickers, and scenes fade.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from photochrom.color import Array

_FINEST, _ITERATIONS, _REFINED = 1, 12, 2
"""Of the search: its preset "fast" with halves of pixels in place of quarters, and less of the
rest. What moves before something else then keeps its edges; the preset "medium" takes four times as
long for little more."""
_ASTRAY = 1.0
"""Pixels off after the way there and back, from which a motion is not trusted. At 3, a face that
came out from behind a pillar kept the pillar's grey."""
_UNLIKE = 16.0
"""L apart, likewise. At 8 grain alone takes trust away; at 16 nothing more of another thing's
colour came over (an object that crosses another picture at 5 and 14 pixels a frame)."""
_LEAST_GAIN, _MOST_GAIN = 0.5, 2.0
"""Of the light from one frame to the next."""


class Motion(NamedTuple):
    """How to see another frame from where this one's things are."""

    x: Array
    """(h, w) float32: column in the other frame of what is at each pixel of this one."""
    y: Array
    """(h, w): its row."""
    trust: Array
    """(h, w), 0..1."""

    def bring(self, planes: Array) -> Array:
        """Planes (h, w) or (h, w, C ≤ 4) of the other frame, as they lie on this one."""
        return cv2.remap(planes, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class MotionFinder:
    """Finds motions between frames of one size, (h, w)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._search.setFinestScale(_FINEST)
        self._search.setGradientDescentIterations(_ITERATIONS)
        self._search.setVariationalRefinementIterations(_REFINED)
        rows, columns = np.indices(size, np.float32)
        self._columns, self._rows = columns, rows

    def between(self, one: Array, other: Array) -> tuple[Motion, Motion]:
        """The motion that brings the first frame to the second, and the reverse.

        Args:
            one: its lightness (h, w) float32, 0..100.
            other: that of the other, likewise.
        """
        levels = [cv2.convertScaleAbs(L, alpha=2.55) for L in (one, other)]
        still = np.zeros((*one.shape, 2), np.float32)  # where the search begins
        forth = self._search.calc(levels[0], levels[1], still.copy())
        back = self._search.calc(levels[1], levels[0], still)
        return self._motion(other, one, back, forth), self._motion(one, other, forth, back)

    def _motion(self, here: Array, there: Array, flow: Array, reverse: Array) -> Motion:
        """The motion that brings what is there here, by the flow from here to there."""
        u, v = cv2.split(flow)
        x, y = self._columns + u, self._rows + v
        found = cv2.remap(
            cv2.merge([*cv2.split(reverse), there]), x, y, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        back_u, back_v, seen = cv2.split(found)
        astray = (u + back_u) ** 2 + (v + back_v) ** 2
        # A share of the way may be missing, as in Sundaram et al. 2010 (Dense point trajectories).
        leeway = 1 + 0.02 * (u * u + v * v + back_u * back_u + back_v * back_v)
        unlike = cv2.blur(here - _match_light(seen, here), (3, 3))
        # Flat at the top: a little doubt in each frame would soon be all of it.
        trust = cv2.exp(
            -((astray / (_ASTRAY**2 * leeway)) ** 2) - (unlike / np.float32(_UNLIKE)) ** 4
        )
        height, width = here.shape
        trust *= (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
        return Motion(x, y, np.asarray(trust, np.float32))


def _match_light(seen: Array, here: Array) -> Array:
    """A frame's lightness as light as another's on the whole, by one gain and one offset."""
    (mean, spread), (own_mean, own_spread) = (
        (float(each.item()) for each in cv2.meanStdDev(L)) for L in (seen, here)
    )
    gain = min(max(own_spread / max(spread, 1e-3), _LEAST_GAIN), _MOST_GAIN)
    return np.asarray(np.float32(gain) * (seen - np.float32(mean)) + np.float32(own_mean))
