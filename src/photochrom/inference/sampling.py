"""Versions of a photo that differ: colours drawn where the network is unsure, each as a hint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photochrom.color import Array
from photochrom.inference import color_distribution
from photochrom.inference import hints as hint_files
from photochrom.inference.hints import Hint
from photochrom.inference.prediction import Predictor, View
from photochrom.inference.spots import to_pixels

_ANCHORS = 3
"""Colours drawn for a version; with more of them its parts come apart."""
_APART = 0.25
"""Of the short side, that anchors keep between them."""


def draw_versions(
    predictor: Predictor, view: View, hints: tuple[Hint, ...], rngs: Sequence[np.random.Generator]
) -> list[tuple[Hint, ...]]:
    """Hints for coherent versions of a photo, drawn one after another: each is known to the next.

    Args:
        predictor: tells the distribution.
        view: of the photo.
        hints: that all versions begin with.
        rngs: one for each version.

    Raises:
        BadOption: the model tells no distribution.
    """
    centres = predictor.model.centres()
    versions = [hints] * len(rngs)
    for step in range(_ANCHORS):
        # Before the first draw all are one.
        spots = [view.spots(version) for version in (versions if step else versions[:1])]
        p = color_distribution.softmax(predictor.logits(view.small, spots))
        cells = p.shape[2:]
        for i, version in enumerate(versions):
            taken = np.array([cell_of(s[None], view.small, p) for s in view.spots(version)])
            mine = p[i if step else 0]
            apart = _APART * min(cells)
            row, column, ab = color_distribution.draw_hint(mine, centres, taken, apart, rngs[i])
            versions[i] = hint_files.join_hints(version, [view.hint(row, column, ab, cells)])
    return versions


def cell_of(spot: Array, small: Array, answer: Array) -> tuple[int, int]:
    """The cell of an answer ``(N, Q, h, w)`` in which a spot on ``small`` lies."""
    cells = answer.shape[2:]
    scaled = spot[:, :2] * (np.array(cells) / small.shape)
    row, column = to_pixels(scaled, (cells[0], cells[1]))[0]
    return int(row), int(column)
