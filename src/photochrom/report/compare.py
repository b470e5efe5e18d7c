"""Two rows compared photo by photo, and whether what they differ by is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from photochrom.evaluation import metrics
from photochrom.evaluation.results import Results, Score
from photochrom.evaluation.rows import BASELINES, GREY, Row

ClaimOutcome = Literal["holds", "does not hold", "not decided", "not measured"]


@dataclass(frozen=True)
class Difference:
    """What one row has more than another, over the same photos."""

    mean: float
    low: float
    high: float
    """The bootstrap's 95 % interval of the mean."""
    n: int  # photos

    @property
    def outcome(self) -> ClaimOutcome:
        """Whether it is more."""
        return "holds" if self.low > 0 else "does not hold" if self.high < 0 else "not decided"

    def show(self, unit: str = "", digits: int = 2) -> str:
        """Such as "+2.31 dB (95 %: 2.20 to 2.41)"."""
        mean, low, high = (
            f"{value:+.{digits}f}".replace("-", "−") for value in (self.mean, self.low, self.high)
        )
        return f"{mean}{unit} (95 %: {low} to {high})"


@dataclass(frozen=True)
class PhotoFigure:
    """A figure of a single photo that rows are compared by."""

    value: Callable[[Score], float | None]
    unit: str = ""


PSNR = PhotoFigure(lambda score: score.psnr, " dB")
COLORFULNESS = PhotoFigure(lambda score: score.colorfulness)
JUMP = PhotoFigure(lambda score: score.steps.jump if score.steps else None)
"""The largest ab jump between neighbours in smooth regions."""


def difference(
    results: Results, more: Row, less: Row, figure: PhotoFigure = PSNR
) -> Difference | None:
    """How much row ``more`` has more of it than row ``less``; None where no photo tells both."""
    pairs = zip(*(map(figure.value, results.rows[row]) for row in (more, less)), strict=True)
    apart = [a - b for a, b in pairs if a is not None and b is not None]
    if not apart:
        return None
    low, high = metrics.bootstrap_interval(apart)
    return Difference(float(np.mean(apart)), low, high, len(apart))


def gains_over_grey(results: Results) -> dict[Row, Difference]:
    """How many dB each row without hints has over doing nothing."""
    rows = [row for row in results.rows if row.hints is None and row not in BASELINES]
    gains = {row: difference(results, row, GREY) for row in rows}
    return {row: gain for row, gain in gains.items() if gain}
