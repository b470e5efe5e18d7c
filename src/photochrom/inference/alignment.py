"""One photo laid over another of the same scene, by what of their lightness is alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

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
_ROUNDS, _STILL = 50, 1e-5
"""Of ECC: steps at most, and the gain in correlation below which it ends."""
_FINE, _COARSE = 480, 120
"""Short sides at which two pictures of one photo are laid over each other, pixels."""
_CLEARLY = 0.05
"""How much more alike a picture has to be when it is turned over, to be one in a mirror."""
_WHOLE = 0.99
"""Of a pixel that has to lie inside the other."""
_LEAST = 0.25
"""Share of the photo that the other has to cover."""
_SURE = 0.93
"""Likeness from which no better fit is looked for: copies that were scaled, cropped, blurred,
compressed and flattened have 0.91 to 0.99, other photos at most 0.46."""


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


def likeness(L: Array, laid: Array, inside: Array) -> float:
    """How alike the structure of two photos is where they overlap, at most 1.

    The agreement of all places, each counted by its contrast: a wall without any tells nothing.

    Args:
        L: as of :func:`agreement`, like the others.
        laid: the other, laid over it.
        inside: where it lies.
    """
    mean = cv2.blur(L, (_WINDOW, _WINDOW))
    spread = np.sqrt(np.maximum(cv2.blur(L * L, (_WINDOW, _WINDOW)) - mean**2, 0))
    weight = (spread + 0.1) * inside
    return float((agreement(L, laid, inside) * weight).sum() / weight.sum())


# --- one picture of a photo over another ------------------------------------------------------


class Fit(NamedTuple):
    """How a picture lies over a photo."""

    matrix: Array
    """(3, 3): from where in the photo to where in the picture, both in shares of 0..1."""
    likeness: float
    """Of the two, there."""
    mirrored: bool
    """Whether the picture would have to be turned over for that."""


def lay_over(small: Callable[[int], tuple[Array, Array]]) -> Fit:
    """How a picture lies best over a photo that it is made of.

    It is laid there as it is, and if that does not do, where features match; then moved until it
    fits. A photo with few features needs none, if the picture shows as much of it.

    Args:
        small: answers L of the photo and of the picture at a short side in pixels.
    """
    (L, other), (coarse, its_coarse) = small(_FINE), small(_COARSE)
    same = np.eye(3)

    def judge(matrix: Array, theirs: Array, *, mirrored: bool = False) -> Fit:
        laid, inside = warp([theirs, np.ones_like(theirs)], matrix, L.shape)
        covers = inside > _WHOLE
        alike = likeness(L, laid, covers) if covers.mean() >= _LEAST else 0.0
        return Fit(matrix, alike, mirrored)

    def fit(start: Array, *, mirrored: bool = False) -> Fit:
        """The start, or what it is moved to where that fits better: on a plain photo it strays."""
        theirs = np.ascontiguousarray(other[:, ::-1]) if mirrored else other
        moved = fit_over(start, L, theirs, cv2.MOTION_HOMOGRAPHY)
        both = (judge(matrix, theirs, mirrored=mirrored) for matrix in (moved, start))
        return max(both, key=_alike)

    whole = judge(same, other)
    found = max(fit(fit_over(same, coarse, its_coarse, cv2.MOTION_AFFINE)), whole, key=_alike)
    if found.likeness < _SURE and (matched := find_homography(L, other)) is not None:
        found = max(found, fit(to_shares(matched, L.shape, other.shape)), key=_alike)
    if found.likeness < _SURE:
        turned = np.ascontiguousarray(its_coarse[:, ::-1])
        over = fit(fit_over(same, coarse, turned, cv2.MOTION_AFFINE), mirrored=True)
        if over.likeness > found.likeness + _CLEARLY:  # a plain photo looks the same in a mirror
            found = over
    return found


def _alike(fit: Fit) -> float:
    return fit.likeness


def warp(planes: Sequence[Array], matrix: Array, size: tuple[int, ...]) -> list[Array]:
    """Planes of a picture as they lie over a photo; 0 where it does not lie.

    Args:
        planes: ``(H', W')`` float32, each.
        matrix: ``(3, 3)``, from shares of the photo to shares of the picture.
        size: H, W of what comes back.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = to_pixels(matrix, size, planes[0].shape)
    height, width = size
    return [cv2.warpPerspective(plane, pixels, (width, height), flags=flags) for plane in planes]


# --- to the fraction of a pixel ---------------------------------------------------------------


def fit_over(start: Array, L: Array, other: Array, motion: int) -> Array:
    """A matrix between shares of two photos, moved until their lightness correlates best.

    By enhanced correlation coefficient maximization (Evangelidis and Psarakis 2008, Parametric
    image alignment using enhanced correlation coefficient maximization), which does not mind if
    one is brighter or flatter. Where that comes to no end, the matrix stays as it is.

    Args:
        start: ``(3, 3)``, from where in the photo to where in the other, both in 0..1.
        L: ``(H, W)`` float32 of the photo, 0..100.
        other: ``(H', W')`` of the other.
        motion: ``cv2.MOTION_AFFINE`` or ``cv2.MOTION_HOMOGRAPHY``.
    """
    rows = 3 if motion == cv2.MOTION_HOMOGRAPHY else 2
    matrix = to_pixels(start, L.shape, other.shape)
    begin = np.ascontiguousarray(matrix[:rows], np.float32)
    limit = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, _STILL)
    try:
        _, matrix[:rows] = cv2.findTransformECC(L, other, begin, motion, limit, None)
    except cv2.error:  # the two do not overlap, or one of them is flat
        return start
    return to_shares(matrix, L.shape, other.shape)


def to_pixels(matrix: Array, size: tuple[int, ...], other: tuple[int, ...]) -> Array:
    """A matrix between shares of two photos, in 0..1, as one between their pixels.

    Args:
        matrix: ``(3, 3)``.
        size: H, W of the photo.
        other: H, W of the other.
    """
    pixels = np.linalg.inv(_shares(other)) @ matrix @ _shares(size)
    return np.asarray(pixels / pixels[2, 2])


def to_shares(matrix: Array, size: tuple[int, ...], other: tuple[int, ...]) -> Array:
    """The opposite of :func:`to_pixels`."""
    return np.asarray(_shares(other) @ matrix @ np.linalg.inv(_shares(size)))


def _shares(size: tuple[int, ...]) -> Array:
    """The matrix that makes shares in 0..1 of pixels, whose middles lie at whole numbers."""
    height, width = size
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
