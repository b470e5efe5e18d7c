"""The ab plane as pictures: where a colorizer's pixels lie, and which hues it finds again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photochrom.color import STUDY_GRID, Pixels, fit_gamut, lab_to_rgb, to_uint8
from photochrom.evaluation.results import HISTOGRAM, Results
from photochrom.evaluation.rows import TRUTH, Row

GREY = 10.0
"""Chroma under which a colour passes for grey."""
SECTORS = 12
"""Hues are told apart by this many, 30 degrees each, the first centred on +a."""
_FAINTEST, _GAMMA = 1e-6, 0.7
"""The share of pixels that is drawn black; from there to the truth's largest share, brightness is
this power of the logarithm, which lifts the faint."""


# --- where pixels lie -----------------------------------------------------------------------


@dataclass(frozen=True)
class Cloud:
    """Where the pixels of one row lie in the ab plane."""

    row: Row
    picture: Pixels
    """``(h, w, 3)``, a pixel a cell: b up, a to the right, each cell in its own colour."""
    nearly_grey: float
    """The share of pixels with a chroma under :data:`GREY`."""


def clouds(results: Results, rows: Sequence[Row]) -> tuple[Cloud, ...]:
    """Pictures of the same part of the plane on the same scale, the truth's first.

    Args:
        results: with a tally of each row.
        rows: to show besides the truth.
    """
    side = HISTOGRAM.side
    shares = {}
    for row in (TRUTH, *rows):
        counts = np.asarray(results.tallies[row].histogram, np.float64)
        shares[row] = counts / max(counts.sum(), 1)
    near = np.hypot(*HISTOGRAM.centres().T) < GREY
    stack = np.stack([share.reshape(side, side) for share in shares.values()])  # (n, a, b)
    cut = _window(np.asarray((stack > _FAINTEST).any(0)))
    brightest = math.log(max(float(stack[0].max()), 10 * _FAINTEST) / _FAINTEST)
    light = np.clip(np.log(np.maximum(stack, _FAINTEST) / _FAINTEST) / brightest, 0, 1) ** _GAMMA
    colors = _cell_colors().reshape(side, side, 3)
    # Counted a down and b to the right; drawn with a to the right and b up.
    lit = (to_uint8((colors * glow[..., None])[cut].transpose(1, 0, 2)[::-1]) for glow in light)
    return tuple(
        Cloud(row, picture, float(share[near].sum()))
        for (row, share), picture in zip(shares.items(), lit, strict=True)
    )


def _cell_colors() -> npt.NDArray[np.float32]:
    """Each cell's own colour at a lightness where most can be told, ``(side², 3)`` in 0..1."""
    centres = HISTOGRAM.centres()
    lab = np.column_stack([np.full(len(centres), 72, np.float32), centres])
    return np.clip(lab_to_rgb(fit_gamut(lab, axis=1), axis=1), 0, 1)


def _window(used: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest square around grey that holds every cell that is used, and at least ab 40."""
    middle = HISTOGRAM.side // 2
    a, b = np.nonzero(used)
    reach = max((int(np.abs(np.concatenate([a, b]) - middle).max(initial=0)) + 1), 10)
    along = slice(max(middle - reach, 0), middle + reach)
    return along, along


# --- which hues are found again -------------------------------------------------------------


@dataclass(frozen=True)
class Hue:
    """Pixels of one hue over all photos."""

    color: str
    """``"#rrggbb"``."""
    angle: float
    """Of its middle in the ab plane, degrees from +a towards +b."""
    pixels: int
    """That truly are of it."""
    found: int
    """Of them, that a row painted within ab distance 20."""

    @property
    def recall(self) -> float | None:
        """The share that was found; None where the photos have no such hue."""
        return self.found / self.pixels if self.pixels else None


def hues(results: Results, row: Row) -> tuple[Hue, ...]:
    """How much of each true hue a row meets, colours that pass for grey left out."""
    truth, met = (np.asarray(results.tallies[r].within_20) for r in (TRUTH, row))
    a, b = STUDY_GRID.centres().T
    wide = 360 / SECTORS
    sector = ((np.degrees(np.arctan2(b, a)) + wide / 2) % 360 // wide).astype(int)
    coloured = np.hypot(a, b) > GREY
    return tuple(
        Hue(_hex(i * wide), i * wide, int(truth[here].sum()), int(met[here].sum()))
        for i in range(SECTORS)
        for here in [coloured & (sector == i)]
    )


def _hex(angle: float) -> str:
    """A clear colour of a hue."""
    turn = math.radians(angle)
    lab = np.array([68, 52 * math.cos(turn), 52 * math.sin(turn)], np.float32)
    rgb = np.clip(lab_to_rgb(fit_gamut(lab, axis=0), axis=0), 0, 1)
    return "#{:02x}{:02x}{:02x}".format(*(int(c) for c in (rgb * 255).round()))


def wedge(hue: Hue, radius: float = 50) -> str:
    """A piece of a round chart as an SVG path around (0, 0), as long as the recall is high."""
    reach = radius * (hue.recall or 0)
    half = math.radians(180 / SECTORS - 1)
    middle = math.radians(hue.angle)
    (x1, y1), (x2, y2) = (
        (reach * math.cos(t), -reach * math.sin(t)) for t in (middle - half, middle + half)
    )
    return f"M0 0L{x1:.2f} {y1:.2f}A{reach:.2f} {reach:.2f} 0 0 0 {x2:.2f} {y2:.2f}Z"


def balanced_recall(found: Sequence[Hue]) -> float:
    """The mean over hues that occur."""
    shares = [hue.recall for hue in found if hue.recall is not None]
    return sum(shares) / max(len(shares), 1)
