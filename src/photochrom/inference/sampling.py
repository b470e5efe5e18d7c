"""Versions of a photo that differ: each is one draw of its chroma, told as a few hints.

A draw gives all places colours that go together (:mod:`.generator`), but coarsely. So it is told to
the network as hints, one for each part of the photo that it gives one colour: the network brings
them to the edges, and a person can change them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference import hints as hint_files
from photochrom.inference.generator import MULTIPLE, Generator, resize_planes
from photochrom.inference.hints import Hint
from photochrom.inference.prediction import Predictor, View
from photochrom.inference.spots import to_cells

_STRENGTH = 1.3
"""Of hints: draws from less noise are pale, and more so is a photo between hints."""
_PARTS = 32
"""Hints that tell a draw: a version is a set of hints that a person can change."""
_NEAR = 0.08
"""Of the short side, within which a drawn colour would spoil that of a given hint."""
_DEEP = 2
"""Cells from a part's edge, at which a hint lies safely inside."""
_POSITION, _LIGHTNESS, _COLOUR = 0.5, 20.0, 10.0
"""Of the side of a square as large as the photo, L and ab: so much wants hints of its own."""


def draw_versions(
    predictor: Predictor,
    generator: Generator,
    view: View,
    hints: tuple[Hint, ...],
    rngs: Sequence[np.random.Generator],
) -> list[tuple[Hint, ...]]:
    """Hints for coherent versions of a photo.

    Args:
        predictor: tells the distribution.
        generator: draws from it.
        view: of the photo.
        hints: that all versions begin with; what they lie on keeps its colour.
        rngs: one for each version.

    Raises:
        BadOption: the model tells no distribution.
    """
    centres, L = predictor.model.centres(), view.small
    given = view.spots(hints)
    bottom, right = (-side % MULTIPLE for side in L.shape)
    padded = np.pad(L, ((0, bottom), (0, right)), "symmetric")
    (logits,) = predictor.logits(padded, [given])
    drawn = generator.draw(logits, centres, (padded.shape[0], padded.shape[1]), rngs)
    whole = logits.shape[1], logits.shape[2]
    rows, columns = (-(-a * n // b) for a, n, b in zip(L.shape, whole, padded.shape, strict=True))
    known = to_cells(given, L, (rows, columns))
    near = _NEAR * min(rows, columns)
    versions = []
    for chroma in drawn:
        cells = np.clip(_STRENGTH * resize_planes(chroma, whole), -128, 127)[:, :rows, :columns]
        more = [
            view.hint(*place, np.median(cells[:, part], 1), (rows, columns))
            for place, part in segment(cells, L)
            if not part[tuple(known.T)].any()
            and not (np.linalg.norm(known - place, axis=1) < near).any()
        ]
        versions.append(hint_files.join_hints(hints, more))
    return versions


def segment(chroma: Array, L: Array) -> list[tuple[tuple[int, int], Array]]:
    """A photo in parts of about one colour and lightness, that lie about together.

    Args:
        chroma: ``(2, h, w)``.
        L: ``(H, W)``.

    Returns:
        A place, row and column, well inside each, and the cells that belong to it, ``(h, w)`` bool.
    """
    cells = chroma.shape[1], chroma.shape[2]
    light = cv2.resize(L, cells[::-1], interpolation=cv2.INTER_AREA)
    far = _POSITION * (cells[0] * cells[1]) ** 0.5
    looks = [*np.indices(cells) / far, light / _LIGHTNESS, *chroma / _COLOUR]
    points = np.stack(looks, -1).astype(np.float32)
    flat = points.reshape(-1, len(looks))
    if len(flat) == 1:  # which OpenCV would take for several points of one number
        return [((0, 0), np.ones(cells, bool))]
    stop = cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 20, 1e-2
    cv2.setRNGSeed(0)  # of this thread: the same photo has the same parts
    empty = np.empty((0, 0), np.int32)
    number = min(_PARTS, len(flat))
    _, nearest, middles = cv2.kmeans(flat, number, empty, stop, 1, cv2.KMEANS_PP_CENTERS)
    parts = []
    for i, middle in enumerate(middles):
        part = (nearest == i).reshape(cells)
        if part.any():
            parts.append((_find_place(part, points, middle), part))
    return parts


def _find_place(part: Array, points: Array, middle: Array) -> tuple[int, int]:
    """The cell of a part that is most like the middle of its points, of those well inside."""
    depth = cv2.distanceTransform(np.pad(part.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    depth = np.minimum(depth, _DEEP)
    inside = np.argwhere(depth == depth.max())
    apart = np.linalg.norm(points[tuple(inside.T)] - middle, axis=1)
    row, column = inside[apart.argmin()]
    return int(row), int(column)
