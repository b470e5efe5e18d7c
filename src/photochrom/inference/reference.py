"""Colours from a reference photo: where the same thing is seen in both, its colour is a hint.

If both show the same scene, one is laid over the other, and hundreds of places are told. What else
is alike is found by the network's features: that is less sure, so few places are told, and only
colours that the network finds likely there.
"""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array, rgb_to_lab
from photochrom.image.photo import Photo
from photochrom.inference import color_distribution
from photochrom.inference.alignment import agreement, find_homography
from photochrom.inference.hints import Hint
from photochrom.inference.prediction import Predictor, View

MOST = 40
"""Places found by features at most, the surest first."""
LIKENESS = 0.6
"""Cosine between features from which two places show the same thing. Halves of one photo match at
0.7 and more in the median, photos of different things at 0.3 to 0.45."""
_FEWEST = 12
"""Matches of features, or photos that do not fit over each other have nothing in common: those of
different things have 0 to 3, mirror images, of which none fits over the other, 26 and more."""
_FINE = 480
"""Short side at which one photo is laid over another, pixels."""
_LAID = 800
"""Places told where it fits; a photo may have 1000."""
_FITS = 0.5
"""Structural similarity of the two, from which a place shows the same."""
_NEAR, _LIKELY = 20.0, 0.15
"""A colour is likely where the network gives as much to colours so near in ab."""


def match_photos(predictor: Predictor, photo: Photo, reference: Photo) -> tuple[Hint, ...]:
    """Hints for a photo where a reference shows the same, in no order of place.

    Args:
        predictor: whose model tells features.
        photo: to be coloured.
        reference: in colour.

    Raises:
        BadOption: the model tells no features.
    """
    mine, theirs = (predictor.views(p, None, "fast")[0] for p in (photo, reference))
    matched, at = _match_features(predictor, mine, theirs, reference.pixels)
    laid, covered = _lay_over(predictor, photo, reference)
    if not laid and len(matched) < _FEWEST:
        return ()
    inside = [
        not covered[int(y * covered.shape[0]), int(x * covered.shape[1])] for y, x in at.tolist()
    ]
    return (*laid, *(hint for hint, alone in zip(matched, inside, strict=True) if alone))


def _lay_over(predictor: Predictor, photo: Photo, reference: Photo) -> tuple[list[Hint], Array]:
    """Hints where the reference fits over the photo, and where that is, ``(H, W)`` of any size."""
    mine, theirs = (predictor.views(p, _FINE, "fast")[0] for p in (photo, reference))
    size = mine.small.shape[::-1]
    homography = find_homography(mine.small, theirs.small)
    if homography is None:
        return [], np.zeros((1, 1), bool)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = [theirs.small, *np.moveaxis(_ab(reference.pixels, theirs.small.shape), -1, 0)]
    L, a, b = (cv2.warpPerspective(plane, homography, size, flags=flags) for plane in planes)
    inside = cv2.warpPerspective(np.ones_like(theirs.small), homography, size, flags=flags) > 0.99
    fits = inside & (agreement(mine.small, L, inside) > _FITS)
    if fits.sum() < 0.5 * inside.sum():
        return [], np.zeros((1, 1), bool)
    ab = cv2.blur(np.stack([a, b], -1), (5, 5))
    step = max(1, int(np.ceil(np.sqrt(fits.size / _LAID))))
    rows, columns = np.indices(fits.shape)[:, step // 2 :: step, step // 2 :: step].reshape(2, -1)
    places = np.column_stack([rows, columns])[fits[rows, columns]]
    places = np.random.default_rng(0).permutation(places)[:_LAID]
    hints = [mine.hint(row, column, ab[row, column], fits.shape) for row, column in places.tolist()]
    return hints, inside


def _match_features(
    predictor: Predictor, view: View, reference: View, pixels: Array
) -> tuple[list[Hint], Array]:
    """Hints where features are alike and the colour is likely; y and x of each as shares."""
    model = predictor.model
    (features,), (others,) = (
        model.run(v.small[None, None], None, ["features"])[0] for v in (view, reference)
    )
    here, there, _ = match(features, others)
    cells = features.shape[1:]
    ab = _ab(pixels, others.shape[1:])[there[:, 0], there[:, 1]]
    at = (here + 0.5) / cells
    if model.has_distribution:
        p = color_distribution.softmax(predictor.logits(view.small, [np.zeros((0, 5))]))[0]
        rows, columns = (at * p.shape[1:]).astype(int).T
        near = np.linalg.norm(model.centres()[:, None] - ab, axis=-1) < _NEAR  # (Q, n)
        likely = (p[:, rows, columns] * near).sum(0) >= _LIKELY
        here, ab, at = here[likely], ab[likely], at[likely]
    return [
        view.hint(row, column, color, cells)
        for (row, column), color in zip(here.tolist(), ab, strict=True)
    ], at


def _ab(pixels: Array, size: tuple[int, ...]) -> Array:
    """ab ``(h, w, 2)`` of pixels ``(H, W, 3)`` uint8 or uint16, made as large as that."""
    rgb = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)
    top = np.float32(np.iinfo(pixels.dtype).max)
    return np.asarray(rgb_to_lab(rgb.astype(np.float32) / top, axis=-1)[..., 1:])


def match(
    features: Array, others: Array, *, likeness: float = LIKENESS, most: int = MOST
) -> tuple[Array, Array, Array]:
    """Places of a photo and of a reference that show the same thing.

    Two places match if each is the one most like the other (mutual nearest neighbours) and they
    are like enough. Features count as they differ from what is everywhere in the two photos.

    Args:
        features: ``(F, h, w)``, of the photo.
        others: ``(F, h', w')``, of the reference.
        likeness: the least cosine.
        most: how many, the surest first.

    Returns:
        Cells of the photo ``(n, 2)``, cells of the reference ``(n, 2)``, as row and column, and
        their likeness ``(n,)``.
    """
    mine, theirs = (f.reshape(len(f), -1).T.astype(np.float32) for f in (features, others))
    usual = np.concatenate([mine, theirs]).mean(0)
    least = 1e-3 * float(np.linalg.norm(usual)) + 1e-6  # nearer to it there is only rounding
    mine, theirs = (_unit(f - usual, least) for f in (mine, theirs))
    like = mine @ theirs.T
    best = like.argmax(1)
    found = np.flatnonzero(like.argmax(0)[best] == np.arange(len(mine)))
    sure = like[found, best[found]]
    order = np.argsort(-sure, kind="stable")[:most]
    order = order[sure[order] >= likeness]
    here, there = found[order], best[found[order]]
    return (
        np.stack(np.unravel_index(here, features.shape[1:]), 1),
        np.stack(np.unravel_index(there, others.shape[1:]), 1),
        sure[order],
    )


def _unit(vectors: Array, least: float) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), least))
