"""The figures of one evaluation: kept photo by photo, summed up, written as JSON and CSV."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from photochrom import files
from photochrom.color import STUDY_GRID, Array, Grid
from photochrom.errors import BadData
from photochrom.evaluation import metrics
from photochrom.names import write_table

TRUTH = "truth"
BASELINES = ("grey", "constant")
"""The rows every table begins with."""

HISTOGRAM = Grid(start=-128, side=64, cell=4)
"""The cells in which pixels of each colour are counted, to be drawn."""


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
    steps: tuple[int, float] | None = None
    """Distinct ab values and largest ab jump in smooth regions; None where there are none."""
    truth_steps: tuple[int, float] | None = None
    judged: Mapping[str, float] = field(default_factory=dict)
    """What pretrained networks say of it, by the name of the figure."""
    ab_error: float | None = None
    """Root mean square ab distance from the truth, ab units; None in files from before it."""
    cf: float | None = None
    """Colourfulness by DDColor's code, of absolute opponents; by the protocol ``colormf`` alone."""
    truth_cf: float | None = None


@dataclass(frozen=True)
class Tally:
    """Where in the ab plane the pixels of all photos lie, as one colorizer paints them."""

    within_10: tuple[int, ...]
    """How many lie within ab distance 10 of the truth, for each of the study's 676 true bins."""
    within_20: tuple[int, ...]
    histogram: tuple[int, ...]
    """How many are painted in each cell of :data:`HISTOGRAM`."""
    frechet: Mapping[str, float] = field(default_factory=dict)
    """Fréchet distances from the truth, by the name of the figure."""


class Counts:
    """Add up what one row's pixels tell, photo after photo."""

    def __init__(self) -> None:
        self.within_10 = np.zeros(STUDY_GRID.side**2, np.int64)
        self.within_20 = np.zeros(STUDY_GRID.side**2, np.int64)
        self.histogram = np.zeros(HISTOGRAM.side**2, np.int64)
        self.features: dict[str, list[Array]] = {}

    def add(self, lab: Any, within_10: Any, within_20: Any, features: Mapping[str, Any]) -> None:
        """Count a photo: its Lab ``(3, H, W)``, its pixels met by true bin, its features."""
        self.within_10 += within_10
        self.within_20 += within_20
        self.histogram += histogram(HISTOGRAM.index(lab[1], lab[2]), HISTOGRAM)
        for name, values in features.items():
            self.features.setdefault(name, []).append(values)

    def tally(self, truth: Counts) -> Tally:
        """The sums, beside those of the truth."""
        return Tally(
            within_10=tuple(self.within_10.tolist()),
            within_20=tuple(self.within_20.tolist()),
            histogram=tuple(self.histogram.tolist()),
            frechet={
                name: metrics.frechet(np.stack(truth.features[name]), np.stack(values))
                for name, values in self.features.items()
                if self is not truth and len(values) > 1
            },
        )


def histogram(cells: Array, grid: Grid) -> npt.NDArray[np.int64]:
    """How many of the cells, of any shape, are each of the grid's, ``(side ** 2,)``."""
    return np.bincount(cells.ravel().astype(np.int64), minlength=grid.side**2)


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
    balanced_10: float
    """Share of pixels within ab distance 10 of the truth, every true bin counting the same."""
    balanced_20: float
    colours: float | None
    """Distinct ab values in smooth regions: the outputs' mean divided by the truths'; None where
    no photo has such regions."""
    jump: float | None
    """Largest ab jump between neighbours in smooth regions, likewise."""
    milliseconds: float
    """Median over photos, so that a slow first call does not count."""
    hints: int | None = None
    """As in :class:`Score`."""
    judged: Mapping[str, float] = field(default_factory=dict)
    """Means and Fréchet distances, by the name of the figure."""
    ab_error: float | None = None
    """The ab error as a share of grey's: the root mean square ab distance from the truth over all
    photos, each counting the same, divided by that of the row ``grey``. 1 is no better than no
    colour, 0 is the truth; lightness has no part in it, and a photo with little colour counts for
    little. None where it was not measured."""
    cf: float | None = None
    """Mean colourfulness as in :attr:`Score.cf`; None where it was not measured."""
    dcf: float | None = None
    """How far that is from the truths' mean: the dCF of DDColor's tables and those after it."""
    dcf_per_photo: float | None = None
    """The mean over photos of how far each is from its truth, which is never less."""


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
    tallies: Mapping[str, Tally]
    """By the name of the row; of the truth under the name ``truth``."""
    seed: int = 0
    """Of the hints' positions."""
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What each model says of itself, by the name of its first row."""
    sources: tuple[str, ...] = ()
    """Where the photos came from: folders and .tar files."""

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
        pixels = self.tallies[TRUTH].within_10
        grey = _root_mean_square([score.ab_error for score in self.rows.get("grey", ())])
        return tuple(
            _summarise(name, scores, self.tallies[name], pixels, grey)
            for name, scores in self.rows.items()
        )

    @property
    def caption(self) -> str:
        """What the table measured, in words."""
        told = f"Protocol {self.protocol}, {self.summary[0].n:,} photos"
        true = _mean([score.truth_cf for score in next(iter(self.rows.values()))])
        return told if true is None else f"{told} of CF {true:.2f}"

    def only(self, names: Collection[str]) -> Results:
        """The same with fewer rows: the baselines and those named."""
        kept = {*BASELINES, *names}
        return replace(
            self,
            scores=tuple(score for score in self.scores if score.name in kept),
            tallies={name: t for name, t in self.tallies.items() if name in {TRUTH, *kept}},
            models={name: facts for name, facts in self.models.items() if name in kept},
        )

    def joined(self, other: Results) -> Results:
        """The rows of both; the baselines once.

        Raises:
            BadData: they were not measured alike, or have a row in common; the sentence says what
                differs.
        """
        for what, ours, theirs in (
            ("protocol", self.protocol, other.protocol),
            ("constant colour", self.constant_ab, other.constant_ab),
            ("seed", self.seed, other.seed),
            ("photos", self._photos, other._photos),
        ):
            if ours != theirs:
                told = f": {ours} and {theirs}" if isinstance(ours, str | int) else ""
                raise BadData(f"they differ in their {what}{told}")
        if both := (self.rows.keys() & other.rows.keys()) - {*BASELINES}:
            raise BadData(f"both have a row {min(both)}")
        new = tuple(score for score in other.scores if score.name not in BASELINES)
        return replace(
            self,
            scores=self.scores + new,
            tallies={**other.tallies, **self.tallies},
            models={**self.models, **other.models},
        )

    @property
    def _photos(self) -> list[str]:
        return [score.photo for score in next(iter(self.rows.values()))]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write everything as JSON: the whole file, or none and CannotWrite."""
        summary = [asdict(row) for row in self.summary]
        content = {"photos": summary[0]["n"], "summary": summary, **asdict(self)}
        text = json.dumps(content, indent=1, allow_nan=False)
        files.write_bytes(Path(path), text.encode())

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a line for each colorizer on each photo as CSV, or nothing and CannotWrite."""
        judged = list(self.scores[-1].judged)
        plain = [f.name for f in fields(Score) if f.name not in ("steps", "truth_steps", "judged")]
        ends = ("colours", "jump", "truth_colours", "truth_jump")

        def row(score: Score) -> list[object]:
            steps = [*(score.steps or ("", "")), *(score.truth_steps or ("", ""))]
            told = [score.judged.get(name, "") for name in judged]
            return [*(getattr(score, name) for name in plain), *steps, *told]

        table = io.StringIO(newline="")
        write_table(table, [*plain, *ends, *judged], map(row, self.scores))
        files.write_bytes(Path(path), table.getvalue().encode("utf-8", "surrogateescape"))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Results:
        """What :meth:`write` wrote, or BadData; the summary is computed anew from the scores."""
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            a, b = content["constant_ab"]
            results = cls(
                content["protocol"],
                (a, b),
                tuple(_score(score) for score in content["scores"]),
                {name: _tally(**tally) for name, tally in content["tallies"].items()},
                content["seed"],
                content["models"],
                tuple(content["sources"]),
            )
            if not results.scores or not {*results.rows, TRUTH} <= results.tallies.keys():
                raise ValueError("half of it is missing")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{path} holds no results ({error}): evaluate anew.") from error
        return results


def _score(values: dict[str, Any]) -> Score:
    steps = {k: tuple(values[k]) for k in ("steps", "truth_steps") if values[k] is not None}
    return Score(**{**values, **steps})


def _tally(frechet: dict[str, float], **counts: list[int]) -> Tally:
    return Tally(**{name: tuple(values) for name, values in counts.items()}, frechet=frechet)


def _summarise(
    name: str, scores: Sequence[Score], tally: Tally, pixels: Sequence[int], grey: float | None
) -> Summary:
    def mean(field: str) -> float:
        return float(np.mean([getattr(score, field) for score in scores]))

    psnr = [score.psnr for score in scores]
    moved = [(s.steps, s.truth_steps) for s in scores if s.steps and s.truth_steps]
    judged = {k: float(np.mean([s.judged[k] for s in scores])) for k in scores[0].judged}
    error = _root_mean_square([score.ab_error for score in scores])
    cf, true_cf = _mean([s.cf for s in scores]), _mean([s.truth_cf for s in scores])
    return Summary(
        name=name,
        n=len(scores),
        psnr_mean=mean("psnr"),
        psnr_median=float(np.median(psnr)),
        psnr_interval=metrics.bootstrap_interval(psnr),
        ssim=mean("ssim"),
        delta_e=mean("delta_e"),
        colourfulness_ratio=mean("colourfulness") / mean("truth_colourfulness"),
        balanced_10=metrics.balanced_accuracy(pixels, tally.within_10),
        balanced_20=metrics.balanced_accuracy(pixels, tally.within_20),
        colours=_share(moved, 0),
        jump=_share(moved, 1),
        milliseconds=float(np.median([score.milliseconds for score in scores])),
        hints=scores[0].hints,
        judged=judged | dict(tally.frechet),
        ab_error=error / grey if error is not None and grey else None,
        cf=cf,
        dcf=None if cf is None or true_cf is None else abs(cf - true_cf),
        dcf_per_photo=_mean([_apart(score.cf, score.truth_cf) for score in scores]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where some are missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _root_mean_square(values: Sequence[float | None]) -> float | None:
    squared = _mean([None if value is None else value**2 for value in values])
    return None if squared is None else math.sqrt(squared)


def _apart(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else abs(one - other)


def _share(
    moved: Sequence[tuple[tuple[int, float], tuple[int, float]]], which: int
) -> float | None:
    """What outputs have of it, divided by what truths have."""
    ours, true = (sum(pair[side][which] for pair in moved) for side in (0, 1))
    return ours / true if true else None
