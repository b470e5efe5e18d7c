"""One photo laid over another of the same scene, by what of their lightness is alike."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array

_POINTS = 3000
"""Keypoints of a photo at most."""
_RATIO = 0.8
"""Of the distance to the second nearest, under which the nearest is a match (Lowe, Distinctive
image features from scale-invariant keypoints, 2004, section 7.1)."""
_ERROR = 3.0
"""Pixels that a match may lie off."""
_INLIERS, _SHARE = 15, 0.25
"""Matches that have to agree, and their share of all: photos of different scenes have 4 to 8."""
_ZOOM = 25.0
"""Times that an area may be larger or smaller in the other photo."""
_WINDOW = 21
"""Pixels over which structure is compared."""
_CONTRAST = 30.0
"""L², variance under which a place has no structure to compare."""


def find_homography(L: Array, other: Array) -> Array | None:
    """The matrix (3, 3) that takes x, y of a photo to those of another; None if they show no scene
    in common.

    Args:
        L: ``(H, W)`` of the photo, 0..100.
        other: ``(H', W')`` of the other.
    """
    sift = cv2.SIFT.create(_POINTS)
    grey = [np.clip(plane * 2.55, 0, 255).astype(np.uint8) for plane in (L, other)]
    (mine, what), (theirs, those) = (sift.detectAndCompute(plane, None) for plane in grey)
    if len(mine) < _INLIERS or len(theirs) < _INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(what, those, k=2)
    good = [one for one, two in pairs if one.distance < _RATIO * two.distance]
    if len(good) < _INLIERS:
        return None
    here = np.array([mine[match.queryIdx].pt for match in good])
    there = np.array([theirs[match.trainIdx].pt for match in good])
    homography, inliers = cv2.findHomography(here, there, cv2.RANSAC, _ERROR)
    if homography is None or inliers.sum() < max(_INLIERS, _SHARE * len(good)):
        return None
    return np.asarray(homography) if _is_view(homography, L.shape) else None


def _is_view(homography: Array, size: tuple[int, ...]) -> bool:
    """Whether it shows nothing in a mirror, and nowhere an area enlarged or shrunk too much."""
    corners = [(x, y, 1) for y in (0, size[0]) for x in (0, size[1])]
    depth = np.array(corners) @ homography[2]
    # The determinant of the Jacobian at a point is det H / w³ (Hartley and Zisserman 2004, 2.2).
    areas = np.linalg.det(homography) / np.where(depth > 0, depth, np.inf) ** 3
    return bool((areas > 1 / _ZOOM).all() and (areas < _ZOOM).all())


def agreement(L: Array, laid: Array, inside: Array) -> Array:
    """How alike two photos are at each place, ``(H, W)``, at most 1: SSIM without its brightness.

    Args:
        L: ``(H, W)``, 0..100.
        laid: ``(H, W)``, the other laid over it; it may be brighter or flatter.
        inside: ``(H, W)`` bool, where it lies.
    """
    one, two = (cv2.GaussianBlur(plane, (0, 0), 2) for plane in (L, laid))
    mean, spread = two[inside].mean(), two[inside].std()
    two = (two - mean) * (one[inside].std() / max(spread, 1e-3)) + one[inside].mean()

    def around(plane: Array) -> Array:
        return cv2.blur(plane, (_WINDOW, _WINDOW))

    m1, m2 = around(one), around(two)
    v1, v2, both = around(one * one) - m1**2, around(two * two) - m2**2, around(one * two) - m1 * m2
    return np.asarray((2 * both + _CONTRAST) / (v1 + v2 + _CONTRAST))
