"""How much places of a photo resemble each other, and so where one hint would put most right.

Resemblance is that of the network's features, of lightness, and of position. With how unsure the
network is where, it is a covariance of the colours that are still unknown. Places are chosen one
after another, each the one that would leave the least variance in the whole photo (Cohn, Active
learning with statistical models, 1996); what it would tell is then taken as known (Gaussian-process
regression, Rasmussen and Williams 2006, section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference import color_distribution
from photochrom.inference.prediction import Predictor, View

# Chosen by looking at the places found on old photographs.
_KIND = 0.7  # between unit features: 0 is the same thing, 1.4 has nothing in common
_LIGHTNESS = 18.0  # L
_POSITION = 0.8  # of the short side
_CELLS = 1600  # at most: memory grows with their square
_SURE = 12.0  # ab: who is less unsure is right to the eye
_NOISE = 0.03  # the share of variance that a hint leaves at its own place
_MARGIN = 0.12  # of the short side: nobody asks about the border
_APART = 0.3  # of the short side, that two places keep
_SAME = 0.5  # resemblance from which two cells are one thing
_LEAST = 2.0  # ab², variance of the whole photo that a place takes away, or it is not worth asking
_BESIDE = 0.2  # of the worth of the first, or a place is not worth asking


@dataclass(frozen=True)
class Place:
    """A part of a photo that is worth looking at."""

    x: float
    """Pixels from the left, of its middle."""
    y: float
    """Pixels from the top."""
    radius: float
    """Pixels; of a circle as large as the thing."""


def unsure_places(predictor: Predictor, view: View, spots: Array, most: int) -> tuple[Place, ...]:
    """The places of a photo where a hint would put most right, the most worthwhile first.

    Args:
        predictor: tells the distribution, and features if it has them.
        view: of the photo.
        spots: what is known on it.
        most: places.

    Raises:
        BadOption: the model tells no distribution.
    """
    centres = predictor.model.centres()
    p = color_distribution.softmax(predictor.logits(view.small, [spots]))
    spread = color_distribution.spread(p, centres)[0]
    known = spots[:, :2] / view.small.shape
    height, width = view.size
    return tuple(
        Place(round(x * width, 1), round(y * height, 1), round(radius * height, 1))
        for y, x, radius in choose_places(
            predictor.features(view.small), view.small, spread, known, most
        )
    )


def choose_places(
    features: Array, L: Array, spread: Array, known: Array, most: int
) -> list[tuple[float, float, float]]:
    """Where a hint would put most right, the most worthwhile first.

    Args:
        features: ``(F, h, w)`` of the network; F may be 0.
        L: ``(H, W)``.
        spread: ``(h', w')``, standard deviation in ab.
        known: ``(n, 2)``, y and x of hints as shares of height and width.
        most: places.

    Returns:
        y, x and radius of each; as shares of the height, of the width, and of the height.
    """
    rows, columns = _fit_cells(spread.shape)
    alike = compare_cells(features, L, (rows, columns))
    unsure = cv2.resize(spread, (columns, rows), interpolation=cv2.INTER_AREA).ravel()
    unsure = np.sqrt(np.maximum(unsure**2 - _SURE**2, 0))
    covariance = alike * np.outer(unsure, unsure)
    noise = np.float32(_NOISE) * unsure**2 + np.float32(1e-6)
    y, x = np.divmod(np.arange(rows * columns), columns)
    border = np.minimum.reduce([y, x, rows - 1 - y, columns - 1 - x]) + 0.5
    free = border >= _MARGIN * min(rows, columns)

    def settle(cell: int) -> None:
        nonlocal covariance, free
        told = covariance[cell]
        covariance = covariance - np.outer(told, told) / (told[cell] + noise[cell])
        far = np.hypot(y - y[cell], x - x[cell]) > _APART * min(rows, columns)
        free = free & far & (alike[cell] < _SAME)

    for share in known:
        row, column = np.minimum((share * (rows, columns)).astype(int), (rows - 1, columns - 1))
        settle(int(row * columns + column))
    found: list[tuple[float, float, float]] = []
    first = 0.0
    while len(found) < most:
        told = (covariance**2).sum(0) / (covariance.diagonal() + noise) / len(noise)
        cell = int(np.where(free, told, 0).argmax())
        if not free[cell] or told[cell] < max(_LEAST, _BESIDE * first):
            break
        first = first or float(told[cell])
        same = (alike[cell] > _SAME).reshape(rows, columns).astype(np.uint8)
        _, parts = cv2.connectedComponents(same)
        size = float((parts.ravel() == parts[y[cell], x[cell]]).sum())
        radius = float(np.sqrt(size / np.pi)) / rows
        found.append(((y[cell] + 0.5) / rows, (x[cell] + 0.5) / columns, radius))
        settle(cell)
    return found


def compare_cells(features: Array, L: Array, cells: tuple[int, int]) -> Array:
    """How much each of some cells of a photo resembles each, ``(n, n)``, 1 for equal ones.

    Args:
        features: ``(F, h, w)`` of the network; F may be 0.
        L: ``(H, W)``.
        cells: rows and columns; n is their product.
    """
    points = _describe_cells(features, L, cells)
    squares = (points**2).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
    return np.asarray((1 + apart / 6) ** -3)  # a rational quadratic kernel


def _describe_cells(features: Array, L: Array, cells: tuple[int, int]) -> Array:
    """Points ``(n, F + 3)`` float32 whose distances say how much cells resemble each other."""
    rows, columns = cells
    kind = np.zeros((rows * columns, len(features)), np.float32)
    for i, plane in enumerate(features.astype(np.float32)):
        kind[:, i] = cv2.resize(plane, (columns, rows)).ravel()
    kind -= kind.mean(0)
    kind /= np.maximum(np.linalg.norm(kind, axis=1, keepdims=True), 1e-6)
    light = cv2.resize(L, (columns, rows), interpolation=cv2.INTER_AREA).reshape(-1, 1)
    position = np.indices(cells).reshape(2, -1).T / min(cells)
    scaled = [kind / _KIND, light / _LIGHTNESS, position / _POSITION]
    return np.concatenate(scaled, 1).astype(np.float32)


def _fit_cells(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = min(1.0, float(np.sqrt(_CELLS / (shape[0] * shape[1]))))
    return max(1, int(shape[0] * scale)), max(1, int(shape[1] * scale))
