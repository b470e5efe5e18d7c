"""Colours from a reference photo: where the same thing is seen in both, its colour is a hint."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array, rgb_to_lab
from photochrom.inference.hints import Hint
from photochrom.inference.onnx_model import Model
from photochrom.inference.prediction import View

MOST = 40
"""Places at most, the surest first: more add no new region, only contradictions."""
LIKENESS = 0.6
"""Cosine between features from which two places show the same thing. Halves of one photo match at
0.7 and more in the median, photos of different things at 0.3 to 0.45."""


def match_views(model: Model, view: View, reference: View, pixels: Array) -> tuple[Hint, ...]:
    """Hints for a photo where a reference shows the same.

    Args:
        model: tells features.
        view: of the photo.
        reference: a view of the reference.
        pixels: of the reference, (H, W, 3) uint8 or uint16.

    Raises:
        BadOption: the model tells no features.
    """
    (features,), (others,) = (
        model.run(v.small[None, None], None, ["features"])[0] for v in (view, reference)
    )
    here, there, _ = match(features, others)
    rgb = cv2.resize(pixels, others.shape[:0:-1], interpolation=cv2.INTER_AREA)
    top = np.float32(np.iinfo(pixels.dtype).max)
    ab = rgb_to_lab(rgb.astype(np.float32) / top, axis=-1)[..., 1:]
    return tuple(
        view.hint(row, column, ab[tuple(other)], features.shape[1:])
        for (row, column), other in zip(here, there, strict=True)
    )


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
