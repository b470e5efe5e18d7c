"""Two rows compared photo by photo, and whether what they differ by is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from photochrom.evaluation import metrics
from photochrom.evaluation.results import BASELINES, Score
from photochrom.report.runs import Study

Verdict = Literal["holds", "does not hold", "not decided", "not measured"]


@dataclass(frozen=True)
class Difference:
    """What one row has more than another, over the same photos."""

    mean: float
    low: float
    high: float
    n: int  # photos

    @property
    def verdict(self) -> Verdict:
        """Whether it is more."""
        return "holds" if self.low > 0 else "does not hold" if self.high < 0 else "not decided"

    def show(self, unit: str = "", digits: int = 2) -> str:
        """Such as "+2.31 dB (95 %: 2.20 to 2.41)"."""
        mean, low, high = (
            f"{value:+.{digits}f}".replace("-", "−") for value in (self.mean, self.low, self.high)
        )
        return f"{mean}{unit} (95 %: {low} to {high})"


Of = Callable[[Score], float | None]


def psnr(score: Score) -> float:
    """dB."""
    return score.psnr


def colour(score: Score) -> float:
    """Colourfulness of the output, on the scale of Hasler and Süsstrunk."""
    return score.colourfulness


def jump(score: Score) -> float | None:
    """Largest ab jump between neighbours in smooth regions, ab units."""
    return score.steps[1] if score.steps else None


def difference(study: Study, more: str, less: str, of: Of = psnr) -> Difference | None:
    """How much row ``more`` has more of it than row ``less``; None where no photo tells both."""
    pairs = zip(*(map(of, study.results.rows[row]) for row in (more, less)), strict=True)
    apart = [a - b for a, b in pairs if a is not None and b is not None]
    if not apart:
        return None
    low, high = metrics.bootstrap_interval(apart)
    return Difference(float(np.mean(apart)), low, high, len(apart))


def gains(study: Study) -> dict[str, Difference]:
    """By row: dB over doing nothing."""
    rows = [r.name for r in study.results.summary if r.hints is None and r.name not in BASELINES]
    told = {row: difference(study, row, "grey") for row in rows}
    return {row: apart for row, apart in told.items() if apart}
