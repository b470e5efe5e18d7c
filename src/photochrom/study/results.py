"""The figures of one evaluation: kept photo by photo, shown as tables, written as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from photochrom import atomic
from photochrom.errors import BadData
from photochrom.study import metrics


@dataclass(frozen=True)
class Score:
    """One colorizer on one photo."""

    photo: str
    name: str
    """The row it belongs to: a colorizer's name, with hints a :func:`hinted_name`."""
    psnr: float
    """dB, at most 100: what equal pixels get."""
    ssim: float
    delta_e: float
    """Mean CIEDE2000 over pixels."""
    colourfulness: float
    truth_colourfulness: float
    milliseconds: float
    """Of the colorizer's call alone."""
    hints: int | None = None
    """How many it was given; None for a colorizer that takes none."""


@dataclass(frozen=True)
class Summary:
    """One colorizer over all photos: a row of the table."""

    name: str
    n: int  # photos
    psnr_mean: float
    psnr_median: float
    psnr_interval: tuple[float, float]
    """Where the mean PSNR would lie for other photos of the kind: the bootstrap's 95 %."""
    ssim: float
    delta_e: float
    colourfulness_ratio: float
    """Mean of the outputs divided by mean of the truths."""
    milliseconds: float
    """Median over photos, so that a slow first call does not count."""
    hints: int | None = None
    """As in :class:`Score`."""


_COLUMNS: dict[str, Callable[[Summary], str]] = {
    "colorizer": lambda row: row.name,
    "PSNR, dB": lambda row: f"{row.psnr_mean:.2f}",
    "95 % interval": lambda row: "{:.2f}–{:.2f}".format(*row.psnr_interval),
    "median": lambda row: f"{row.psnr_median:.2f}",
    "SSIM": lambda row: f"{row.ssim:.4f}",
    "ΔE00": lambda row: f"{row.delta_e:.2f}",
    "colourfulness": lambda row: f"{row.colourfulness_ratio:.2f}",
    "ms": lambda row: f"{row.milliseconds:.1f}",
}


def hinted_name(colorizer: str, hints: int) -> str:
    """What the row of a colorizer is called that was given so many hints."""
    return f"{colorizer}, {hints} hint{'' if hints == 1 else 's'}"


@dataclass(frozen=True)
class Results:
    """Every figure of one evaluation, and the tables made of them."""

    protocol: str
    constant_ab: tuple[float, float]
    """What the baseline ``constant`` answers everywhere."""
    scores: tuple[Score, ...]
    """Photo by photo, and within a photo in the table's order."""
    seed: int = 0
    """Of the hints' positions."""

    @cached_property
    def rows(self) -> dict[str, tuple[Score, ...]]:
        """The scores by name, the baselines first; in every row the photos in the same order."""
        rows: dict[str, list[Score]] = {}
        for score in self.scores:
            rows.setdefault(score.name, []).append(score)
        return {name: tuple(scores) for name, scores in rows.items()}

    @cached_property
    def summary(self) -> tuple[Summary, ...]:
        """A line for each row, in their order."""
        return tuple(_summarise(name, scores) for name, scores in self.rows.items())

    @property
    def caption(self) -> str:
        """What the table measured, in words."""
        return f"Protocol {self.protocol}, {self.summary[0].n:,} photos"

    def table(self) -> Table:
        """For the terminal."""
        table = Table(*(Column(name, justify="right") for name in _COLUMNS), title=self.caption)
        for row in self.summary:
            table.add_row(*(show(row) for show in _COLUMNS.values()))
        return table

    def markdown(self) -> str:
        """For documents: the caption and a table."""
        rows = [[show(row) for show in _COLUMNS.values()] for row in self.summary]
        lines = [list(_COLUMNS), ["---", *["---:"] * (len(_COLUMNS) - 1)], *rows]
        return f"{self.caption}:\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write everything as JSON: the whole file, or none and CannotWrite."""
        summary = [asdict(row) for row in self.summary]
        content = {"photos": summary[0]["n"], "summary": summary, **asdict(self)}
        text = json.dumps(content, indent=1, allow_nan=False)
        atomic.write(Path(path), lambda part: part.write_text(text, "utf-8"))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Results:
        """What :meth:`write` wrote, or BadData; the summary is computed anew from the scores."""
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            a, b = content["constant_ab"]
            scores = tuple(Score(**score) for score in content["scores"])
            return cls(content["protocol"], (a, b), scores, content.get("seed", 0))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadData(f"{path} holds no results ({error}): evaluate anew.") from error


def _summarise(name: str, scores: Sequence[Score]) -> Summary:
    def mean(field: str) -> float:
        return float(np.mean([getattr(score, field) for score in scores]))

    psnr = [score.psnr for score in scores]
    return Summary(
        name=name,
        n=len(scores),
        psnr_mean=mean("psnr"),
        psnr_median=float(np.median(psnr)),
        psnr_interval=metrics.bootstrap_interval(psnr),
        ssim=mean("ssim"),
        delta_e=mean("delta_e"),
        colourfulness_ratio=mean("colourfulness") / mean("truth_colourfulness"),
        milliseconds=float(np.median([score.milliseconds for score in scores])),
        hints=scores[0].hints,
    )
