"""Versions of a photo that differ: one colour drawn for each thing the network is unsure of.

A thing is a region of the photo. Its colour is drawn from what its pixels agree on, and told as a
few hints spread over it, so that all of it follows; the next thing's is drawn when that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference import color_distribution
from photochrom.inference import hints as hint_files
from photochrom.inference.hints import Hint
from photochrom.inference.prediction import Predictor, View
from photochrom.inference.resemblance import find_regions
from photochrom.inference.spots import to_pixels

_DRAWN = 4
"""Regions whose colour is drawn for a version: with more the best of 8 is no better."""
_HINTS = 3
"""That tell a region's colour at most: a version is a set of hints that a person can change."""
_SHARE = 0.06
"""Of the photo, for which a region gets each of its hints."""
_DEEP = 2
"""Cells from a region's edge, at which a hint lies safely inside."""
_POSITION, _LIGHTNESS, _COLOUR = 0.5, 20.0, 15.0
"""Of the short side, L and ab: what differs by so much wants hints of its own."""
_TEMPERATURE = 0.7
"""Under 1 draws what is likely more often: of 1 the versions look odd, and are nearer the truth
neither on the mean nor at best."""


def draw_versions(
    predictor: Predictor, view: View, hints: tuple[Hint, ...], rngs: Sequence[np.random.Generator]
) -> list[tuple[Hint, ...]]:
    """Hints for coherent versions of a photo, drawn one thing after another.

    Args:
        predictor: tells the distribution.
        view: of the photo.
        hints: that all versions begin with; what they lie on has its colour.
        rngs: one for each version.

    Raises:
        BadOption: the model tells no distribution.
    """
    centres = predictor.model.centres()
    given = view.spots(hints)
    p = color_distribution.softmax(predictor.logits(view.small, [given]))
    cells = p.shape[2:]
    regions = find_regions(predictor.features(view.small), p[0], view.small)
    looks = describe_looks(p[0], centres, view.small)
    told = {int(regions[cell_of(spot[None], view.small, p)]) for spot in given}
    settled, versions = [set(told) for _ in rngs], [hints] * len(rngs)
    for step in range(min(_DRAWN, int(regions.max()) + 1)):
        if step:  # before the first draw all are one
            spots = [view.spots(version) for version in versions]
            p = color_distribution.softmax(predictor.logits(view.small, spots))
        spread = color_distribution.spread(p, centres)
        for i, rng in enumerate(rngs):
            mine = i if step else 0
            region = _most_unsure(regions, spread[mine], settled[i])
            inside = regions == region
            share = agree(p[mine][:, inside])
            ab = centres[rng.choice(len(share), p=share)]
            places = spread_places(looks, inside, int(np.ceil(inside.mean() / _SHARE)))
            more = [replace(view.hint(*place, ab, cells), reach="large") for place in places]
            versions[i] = hint_files.join_hints(versions[i], more)
            settled[i].add(region)
    return versions


def _most_unsure(regions: Array, spread: Array, settled: set[int]) -> int:
    """The region that most variance lies in; of those settled only if there is no other."""
    mass = np.bincount(regions.ravel(), spread.ravel() ** 2)
    weight = np.ones_like(mass)
    weight[list(settled)] = 1e-6
    return int((mass * weight).argmax())


def agree(p: Array) -> Array:
    """The distribution of one colour for a region, ``(Q,)`` float64.

    Args:
        p: ``(Q, n)``, of its places.

    Returns:
        Between the mean of p, in which each place is asked alone, and the mean of its logarithm,
        in which all have to agree.
    """
    log = np.log(np.maximum(p, 1e-12)).astype(float)
    both = (np.log(np.exp(log).mean(1)) + log.mean(1)) / 2
    share = np.exp((both - both.max()) / _TEMPERATURE)
    return np.asarray(share / share.sum())


def describe_looks(p: Array, centres: Array, L: Array) -> Array:
    """What a hint does not reach beyond, ``(h, w, 5)`` float32: position, L, and expected ab."""
    cells = p.shape[1:]
    rows, columns = np.indices(cells) / (_POSITION * min(cells))
    light = cv2.resize(L, cells[::-1], interpolation=cv2.INTER_AREA) / _LIGHTNESS
    ab = np.einsum("qhw,qc->chw", p, centres) / _COLOUR
    return np.stack([rows, columns, light, *ab], -1).astype(np.float32)


def spread_places(looks: Array, inside: Array, most: int) -> list[tuple[int, int]]:
    """Rows and columns of places that stand for all of a region, each well inside it.

    Args:
        looks: ``(h, w, k)`` of :func:`describe_looks`.
        inside: ``(h, w)`` bool, the region.
        most: places.
    """
    depth = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    places, points = np.argwhere(inside), looks[inside]
    number = min(most, _HINTS, len(points))
    stop = cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 20, 1e-2
    cv2.setRNGSeed(0)  # of this thread: the same photo has the same places
    empty = np.empty((0, 0), np.int32)
    _, nearest, middles = cv2.kmeans(points, number, empty, stop, 2, cv2.KMEANS_PP_CENTERS)
    found = []
    for part, middle in enumerate(middles):
        mine = np.flatnonzero(nearest.ravel() == part)
        deep = np.minimum(depth[inside][mine], _DEEP)  # the middle of what is deep enough
        mine = mine[deep == deep.max()]
        best = mine[np.linalg.norm(points[mine] - middle, axis=1).argmin()]
        found.append((int(places[best, 0]), int(places[best, 1])))
    return found


def cell_of(spot: Array, small: Array, answer: Array) -> tuple[int, int]:
    """The cell of an answer ``(N, Q, h, w)`` in which a spot on ``small`` lies."""
    cells = answer.shape[2:]
    scaled = spot[:, :2] * (np.array(cells) / small.shape)
    row, column = to_pixels(scaled, (cells[0], cells[1]))[0]
    return int(row), int(column)
