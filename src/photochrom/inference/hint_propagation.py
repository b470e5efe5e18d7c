"""Hints brought to a photo: each changes what it belongs to, and nothing else.

A network takes one strong colour for the light of the whole scene. So its answer with hints is
compared with its answer without, and the difference is let through only where hint and place
belong together: where a path leads from one to the other that is short and crosses no edge of
lightness (as in Yatziv and Sapiro 2006, Fast image and video colorization using chrominance
blending), and where lightness, colour and what the network sees there (its features) are alike. A
hint that the network itself finds likely may speak for the whole photo; one that it does not speaks
for its own thing.

What is then still missing at the hints is spread by Kriging (Gaussian-process regression,
Rasmussen and Williams 2006, section 2.2) over the same resemblance, the more, the less sure the
network was of a place; at the hints all of it. So a hint is honoured, and stops at its edges.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference.spots import to_pixels

# How far resemblance reaches. Chosen on photographs held out from training, with 1, 10 and 100
# true hints and with hints far from what the network thought, which must not bleed.
_REACH = 0.33  # of the short side
_EDGE = 14.0  # L from one cell of the grid to the next, that is as far as a reach,
_BARRIER = 1.6  # or so many of them at most
_LIGHTNESS = 20.0  # L
_COLOUR = 12.0  # ab
_KIND = 1.3  # between unit features: 0 is the same thing, 1.4 has nothing in common
_FLAT = 5.0  # squared reaches: within it a thing is one, beyond it ends soon
_EVERYWHERE = 0.5  # what the places that likely hints tell of share, such as the colour of light
_DOUBT = 0.01  # how much of a hint may be noise: contradicting neighbours are averaged
_LEAST = 2.0  # ab: nothing is surer than this
_USUAL = 16.0  # ab, how far off an answer is that does not tell
_LIKELY = 1.3  # times the mean of usual and own doubt: so far off, one hint is still likely
_AMONG = 0.2  # exponent of how many hints there are: each of many may be farther off,
_AT_MOST = 2.0  # up to so many times as far, as the network takes none of them for all there is
_TRUST = 0.4  # part of the network's own difference that is taken; of one hint all of it
_GRID = 48  # cells on the short side, for paths
_TEXTURE = 10.0  # L, under which steps are smoothed away, as they are no edges
_WORK = 2**20  # cells times hints: the fewer hints, the finer the cells and the sharper the edges
_FEW = 32  # hints, below which cells are no finer: they would take more than the network does


def propagate_hints(
    plain: Array,
    L: Array,
    spots: Array,
    unsure: Array | None = None,
    features: Array | None = None,
    ask: Callable[[Array], Array] | None = None,
) -> Array:
    """ab that meets the hints.

    Args:
        plain: ``(2, H, W)``, the network's answer without hints.
        L: ``(H, W)``, the lightness it saw.
        spots: ``(n, 4)``: y and x in pixels, a, b; or ``(n, 5)``, with a reach as a factor.
        unsure: ``(h, w)`` of any size, how far off the answer may be, standard deviation in ab.
        features: ``(F, h, w)`` of any size, what the network sees where.
        ask: the network's answer, ``(2, H, W)``, to those of the spots that are True, ``(n,)``.

    Returns:
        ``(2, H, W)`` float32, -128..127.
    """
    if not len(spots):
        return plain
    size, spots = (L.shape[0], L.shape[1]), spots.astype(np.float32)
    stride = max(1, round((L.size * max(len(spots), _FEW) / _WORK) ** 0.5))
    cells = (-(-size[0] // stride), -(-size[1] // stride))
    doubt = np.full(cells, _USUAL, np.float32)
    if unsure is not None:
        doubt = np.maximum(cv2.resize(unsure.astype(np.float32), cells[::-1]), _LEAST)
    row, column = to_pixels(spots[:, :2] * (np.array(cells) / size), cells).T
    y, x = to_pixels(spots, size).T
    lacking = spots[:, 2:4] - plain[:, y, x].T
    far = _LIKELY * min(len(spots) ** _AMONG, _AT_MOST) * np.sqrt(_USUAL * doubt[row, column])
    likely = np.hypot(*lacking.T) < far
    apart = _measure_look(L, plain, row, column, cells) + _measure_paths(L, spots, cells)
    if features is not None and len(features):
        apart += _measure_kind(features, row / cells[0], column / cells[1], cells)
    alike = 1 / (1 + (apart / _FLAT) ** 2)  # (m, n): near all of it, and far off none
    alike = alike * alike * alike
    ab = plain
    if ask:
        near = _enlarge(alike.max(1).reshape(cells), size)
        ab = plain + _let_through(plain, likely, near, ask)
    # From here on what the network did not follow.
    lacking = spots[:, 2:4] - ab[:, y, x].T
    shared = np.float32(_EVERYWHERE) * likely
    told = (shared + (1 - shared) * alike) * doubt.reshape(-1, 1)  # (m, n): by a hint of size 1
    among = _sample(told.reshape(*cells, -1), spots, size)
    # In least squares, as what follows paths need not be positive definite, and could go astray;
    # OpenCV and einsum, as BLAS would start threads that cost more than they save.
    among /= doubt[row, column, None]
    square = cv2.mulTransposed(among, True)
    square = square + _DOUBT * np.eye(len(spots), dtype=np.float32)
    wanted = np.einsum("nm,nc->mc", among, lacking / doubt[row, column, None])
    _, weights = cv2.solve(square, wanted, flags=cv2.DECOMP_CHOLESKY)
    missing = np.einsum("mn,nc->mc", told, weights)
    # Where the network is less sure than at a hint that it got wrong, this would go to extremes.
    missing = np.clip(missing, lacking.min(0, initial=0), lacking.max(0, initial=0))
    ab = ab + np.stack([_enlarge(plane.reshape(cells), size) for plane in missing.T])
    return np.asarray(np.clip(ab, -128, 127), np.float32)


def _let_through(plain: Array, likely: Array, near: Array, ask: Callable[[Array], Array]) -> Array:
    """What of the network's own difference counts: of unlikely hints only what is near them."""
    trust = np.float32(_TRUST + (1 - _TRUST) / len(likely))
    everywhere = ask(likely) if likely.any() else plain
    difference = everywhere - plain
    if not likely.all():
        difference = difference + near * (ask(np.ones_like(likely)) - everywhere)
    return np.asarray(trust * difference)


# How far apart cells and hints are, squared and in units of reach, (m, n).


def _measure_look(
    L: Array, plain: Array, row: Array, column: Array, cells: tuple[int, int]
) -> Array:
    apart = np.zeros((cells[0] * cells[1], len(row)), np.float32)
    for plane, scale in zip((L, *plain), (_LIGHTNESS, _COLOUR, _COLOUR), strict=True):
        look = cv2.resize(plane, cells[::-1], interpolation=cv2.INTER_AREA) / np.float32(scale)
        apart += np.subtract.outer(look.ravel(), look[row, column]) ** 2
    return apart


def _measure_paths(L: Array, spots: Array, cells: tuple[int, int]) -> Array:
    """Along the shortest way: what touches is near, what lies beyond an edge is far."""
    scale = min(1.0, _GRID / min(L.shape))
    grid = max(1, round(L.shape[0] * scale)), max(1, round(L.shape[1] * scale))
    smooth = cv2.bilateralFilter(L.astype(np.float32), 5, _TEXTURE, 3)
    light = cv2.resize(smooth, grid[::-1], interpolation=cv2.INTER_AREA)
    row, column = to_pixels(spots[:, :2] * (np.array(grid) / L.shape), grid).T
    way = np.full((*grid, len(spots)), np.inf, np.float32)
    way[row, column, np.arange(len(spots))] = 0
    for turn in (0, 1, 2, 3) * 2:  # a second round, for ways that wind
        _sweep(np.rot90(way, turn), np.rot90(light, turn), 1 / (_REACH * min(grid)))
    planes = np.stack([_enlarge(plane, cells).ravel() for plane in way.transpose(2, 0, 1)], 1)
    return np.asarray((planes / _factors(spots)) ** 2, np.float32)


def _sweep(way: Array, light: Array, step: float) -> None:
    """Go on from each row of ways ``(h, w, n)`` to the next, where that is shorter, in place."""

    def cost(one: Array, other: Array, length: float) -> Array:
        hurdle = np.minimum(((one - other) / _EDGE) ** 2, _BARRIER)
        return np.asarray((step * length + hurdle)[..., None], np.float32)

    down = cost(light[1:], light[:-1], 1)
    right = cost(light[1:, 1:], light[:-1, :-1], 2**0.5)
    left = cost(light[1:, :-1], light[:-1, 1:], 2**0.5)
    for y in range(len(way) - 1):
        above, here = way[y], way[y + 1]
        np.minimum(here, above + down[y], out=here)
        np.minimum(here[1:], above[:-1] + right[y], out=here[1:])
        np.minimum(here[:-1], above[1:] + left[y], out=here[:-1])


def _factors(spots: Array) -> Array:
    return spots[:, 4] if spots.shape[1] > 4 else np.ones(len(spots), np.float32)


def _measure_kind(features: Array, y: Array, x: Array, cells: tuple[int, int]) -> Array:
    """By features; they and cosines of them are coarse, so it is the cosines that are enlarged."""
    kind = features.astype(np.float32)
    kind -= kind.mean((1, 2), keepdims=True)
    kind /= np.maximum(np.linalg.norm(kind, axis=0), 1e-6)
    height, width = kind.shape[1:]
    there = kind[:, (y * height).astype(int), (x * width).astype(int)]
    cosine = np.einsum("fhw,fn->nhw", kind, there)
    enlarged = np.stack([_enlarge(plane, cells).ravel() for plane in cosine], 1)
    return np.asarray((1 - enlarged) * (2 / _KIND**2), np.float32)


def _enlarge(plane: Array, size: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR))


def _sample(planes: Array, spots: Array, size: tuple[int, int]) -> Array:
    """Planes ``(h, w, n)``, once they are enlarged, at the pixels of spots: ``(n, n)``."""
    cells = np.array(planes.shape[:2])
    at = (to_pixels(spots, size) + 0.5) * (cells / size) - 0.5
    first = np.floor(at).astype(int)
    beyond = (at - first).astype(np.float32)
    found = np.zeros((len(spots), planes.shape[2]), np.float32)
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = np.clip(first + corner, 0, cells - 1).T
        weight = np.abs(1 - np.array(corner) - beyond).prod(1)
        found += weight[:, None] * planes[row, column]
    return found
