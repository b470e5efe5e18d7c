"""The figures of one evaluation: kept photo by photo, summed up, written as JSON and CSV."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from photochrom import files
from photochrom.color import STUDY_GRID, Grid
from photochrom.errors import BadData
from photochrom.evaluation import metrics
from photochrom.evaluation.metrics import Steps
from photochrom.evaluation.rows import BASELINES, GREY, TRUTH, Row
from photochrom.names import write_table

HISTOGRAM = Grid(start=-128, side=64, cell=4)
"""The cells in which pixels of each color are counted, to be drawn."""


@dataclass(frozen=True)
class Score:
    """One row's figures on one photo."""

    photo: str
    row: Row
    psnr: float
    """dB, at most 100: what equal pixels get."""
    ssim: float
    delta_e: float
    """Mean CIEDE2000 over pixels."""
    colorfulness: float
    truth_colorfulness: float
    milliseconds: float
    """Of the colorizer's call alone."""
    steps: Steps | None = None
    """None where the photo has no smooth regions."""
    truth_steps: Steps | None = None
    judged: Mapping[str, float] = field(default_factory=dict)
    """What perceptual metrics say of it, by the name of the figure."""
    ab_error: float | None = None
    """Root mean square ab distance from the truth, ab units; None in files from before it."""
    cf: float | None = None
    """Colourfulness by DDColor's code, of absolute opponents; by the protocol ``colormf`` alone."""
    truth_cf: float | None = None


@dataclass(frozen=True)
class Tally:
    """Where in the ab plane the pixels of all photos lie, as one row paints them."""

    within_10: tuple[int, ...]
    """How many lie within ab distance 10 of the truth, for each of the study's 676 true bins."""
    within_20: tuple[int, ...]
    histogram: tuple[int, ...]
    """How many are painted in each cell of :data:`HISTOGRAM`."""
    frechet: Mapping[str, float] = field(default_factory=dict)
    """Fréchet distances from the truth, by the name of the figure."""


@dataclass(frozen=True)
class RowSummary:
    """One row over all photos."""

    row: Row
    n: int  # photos
    psnr_mean: float
    psnr_median: float
    psnr_interval: tuple[float, float]
    """Where the mean PSNR would lie for other photos of the kind: the bootstrap's 95 %."""
    ssim: float
    delta_e: float
    colorfulness_ratio: float
    """Mean of the outputs divided by mean of the truths."""
    balanced_10: float
    """Share of pixels within ab distance 10 of the truth, every true bin counting the same."""
    balanced_20: float
    colors: float | None
    """Distinct ab values in smooth regions: the outputs' mean divided by the truths'; None where
    no photo has such regions."""
    jump: float | None
    """Largest ab jump between neighbours in smooth regions, likewise."""
    milliseconds: float
    """Median over photos, so that a slow first call does not count."""
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


@dataclass(frozen=True)
class Results:
    """Every figure of one evaluation, and the tables made of them."""

    protocol: str
    constant_ab: tuple[float, float]
    """What the baseline ``constant`` answers everywhere."""
    scores: tuple[Score, ...]
    """Photo by photo, and within a photo in the table's order."""
    tallies: Mapping[Row, Tally]
    """Of every row, and of :data:`TRUTH`."""
    seed: int = 0
    """Of the hints' positions."""
    models: Mapping[Row, Mapping[str, str]] = field(default_factory=dict)
    """What each model says of itself, by its first row."""
    sources: tuple[str, ...] = ()
    """Where the photos came from: folders and .tar files."""

    @cached_property
    def rows(self) -> dict[Row, tuple[Score, ...]]:
        """The scores by row, the baselines first; in every row the photos in the same order."""
        rows: dict[Row, list[Score]] = {}
        for score in self.scores:
            rows.setdefault(score.row, []).append(score)
        return {row: tuple(scores) for row, scores in rows.items()}

    @cached_property
    def summary(self) -> tuple[RowSummary, ...]:
        """Each row over all photos, in their order."""
        return tuple(map(self._summarize, self.rows))

    @property
    def photos(self) -> list[str]:
        """Their names, in the order in which they were measured."""
        return [score.photo for score in next(iter(self.rows.values()))]

    @property
    def caption(self) -> str:
        """What the table measured, in words."""
        words = f"Protocol {self.protocol}, {len(self.photos):,} photos"
        true = _mean(score.truth_cf for score in next(iter(self.rows.values())))
        return words if true is None else f"{words} of CF {true:.2f}"

    def only(self, rows: Collection[Row]) -> Results:
        """The same with fewer rows: the baselines and these."""
        kept = {*BASELINES, *rows}
        return replace(
            self,
            scores=tuple(score for score in self.scores if score.row in kept),
            tallies={row: t for row, t in self.tallies.items() if row in {TRUTH, *kept}},
            models={row: facts for row, facts in self.models.items() if row in kept},
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
            ("photos", self.photos, other.photos),
        ):
            if ours != theirs:
                values = f": {ours} and {theirs}" if isinstance(ours, str | int) else ""
                raise BadData(f"they differ in their {what}{values}")
        if both := (self.rows.keys() & other.rows.keys()) - {*BASELINES}:
            raise BadData(f"both have a row {min(map(str, both))}")
        return replace(
            self,
            scores=self.scores + tuple(s for s in other.scores if s.row not in BASELINES),
            tallies={**other.tallies, **self.tallies},
            models={**self.models, **other.models},
        )

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write everything as JSON: the whole file, or none and CannotWrite."""
        content = {
            "photos": len(self.photos),
            "summary": [to_record(summary) for summary in self.summary],
            "protocol": self.protocol,
            "constant_ab": self.constant_ab,
            "scores": [to_record(score) for score in self.scores],
            "tallies": {str(row): asdict(tally) for row, tally in self.tallies.items()},
            "seed": self.seed,
            "models": {str(row): facts for row, facts in self.models.items()},
            "sources": self.sources,
        }
        text = json.dumps(content, indent=1, allow_nan=False)
        files.write_bytes(Path(path), text.encode())

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a line for each row on each photo as CSV, or nothing and CannotWrite."""
        lines = []
        for score in self.scores:
            line = to_record(score)
            for prefix in ("", "truth_"):
                steps = line.pop(f"{prefix}steps") or ("", "")
                line |= {f"{prefix}colours": steps[0], f"{prefix}jump": steps[1]}
            lines.append(line | line.pop("judged"))
        heads = list(lines[-1])
        table = io.StringIO(newline="")
        write_table(table, heads, ([line.get(head, "") for head in heads] for line in lines))
        files.write_bytes(Path(path), table.getvalue().encode("utf-8", "surrogateescape"))

    @classmethod
    def read_json(cls, path: str | os.PathLike[str]) -> Results:
        """What :meth:`write_json` wrote, or BadData; the summary is computed anew."""
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            a, b = content["constant_ab"]
            scores = tuple(Score(**from_record(record)) for record in content["scores"])
            rows = {str(row): row for row in (TRUTH, *(score.row for score in scores))}
            results = cls(
                content["protocol"],
                (a, b),
                scores,
                {rows[name]: _tally(**tally) for name, tally in content["tallies"].items()},
                content["seed"],
                {rows.get(k, Row.parse(k)): facts for k, facts in content["models"].items()},
                tuple(content["sources"]),
            )
            results._check_whole()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{path} holds no results ({error}): evaluate anew.") from error
        return results

    def _check_whole(self) -> None:
        rows, tallies = self.rows, self.tallies
        if not {*BASELINES} <= rows.keys() or not {*rows, TRUTH} <= tallies.keys():
            raise ValueError("rows are missing")
        if len({tuple(score.photo for score in scores) for scores in rows.values()}) > 1:
            raise ValueError("photos are missing")
        sizes = [STUDY_GRID.side**2, STUDY_GRID.side**2, HISTOGRAM.side**2]
        for tally in tallies.values():
            if [len(tally.within_10), len(tally.within_20), len(tally.histogram)] != sizes:
                raise ValueError("counts are missing")
        for s in self.scores:
            known = (s.ab_error, s.cf, s.truth_cf, *(s.steps or ()), *(s.truth_steps or ()))
            total = s.psnr + s.ssim + s.delta_e + s.colorfulness + s.milliseconds
            if not math.isfinite(sum((v for v in known if v is not None), total)):
                raise ValueError("figures are no numbers")

    def _summarize(self, row: Row) -> RowSummary:
        scores, tally, pixels = self.rows[row], self.tallies[row], self.tallies[TRUTH].within_10
        psnr = [score.psnr for score in scores]
        smooth = [(s.steps, s.truth_steps) for s in scores if s.steps and s.truth_steps]
        ours, true = np.array(smooth, np.float64).reshape(-1, 2, 2).sum(0)
        colors, jump = (
            o / t if t else None for o, t in zip(ours.tolist(), true.tolist(), strict=True)
        )
        error, grey = (
            _mean(None if s.ab_error is None else s.ab_error**2 for s in self.rows.get(r, ()))
            for r in (row, GREY)
        )
        cf, true_cf = _mean(s.cf for s in scores), _mean(s.truth_cf for s in scores)
        return RowSummary(
            row=row,
            n=len(scores),
            psnr_mean=float(np.mean(psnr)),
            psnr_median=float(np.median(psnr)),
            psnr_interval=metrics.bootstrap_interval(psnr),
            ssim=float(np.mean([s.ssim for s in scores])),
            delta_e=float(np.mean([s.delta_e for s in scores])),
            colorfulness_ratio=float(
                np.mean([s.colorfulness for s in scores])
                / np.mean([s.truth_colorfulness for s in scores])
            ),
            balanced_10=metrics.balanced_accuracy(pixels, tally.within_10),
            balanced_20=metrics.balanced_accuracy(pixels, tally.within_20),
            colors=colors,
            jump=jump,
            milliseconds=float(np.median([s.milliseconds for s in scores])),
            judged={k: float(np.mean([s.judged[k] for s in scores])) for k in scores[0].judged}
            | dict(tally.frechet),
            ab_error=math.sqrt(error / grey) if error is not None and grey else None,
            cf=cf,
            dcf=None if cf is None or true_cf is None else abs(cf - true_cf),
            dcf_per_photo=_mean(
                None if s.cf is None or s.truth_cf is None else abs(s.cf - s.truth_cf)
                for s in scores
            ),
        )


def to_record(figures: Score | RowSummary) -> dict[str, Any]:
    """Give figures the names and the order that files have them in."""
    record: dict[str, Any] = {}
    for key, value in asdict(figures).items():
        if key == "row":
            record["name"] = str(figures.row)
        else:
            record[key.replace("color", "colour")] = value
        if key == "milliseconds":
            record["hints"] = figures.row.hints
    return record


def from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`to_record` wrote, as fields of a Score or RowSummary."""
    values = {key.replace("colour", "color"): value for key, value in record.items()}
    row = Row.parse(values.pop("name"), values.pop("hints", None))
    steps = {k: Steps(*values[k]) for k in ("steps", "truth_steps") if values.get(k) is not None}
    return {"row": row, **values, **steps}


def _tally(frechet: dict[str, float], **counts: list[int]) -> Tally:
    return Tally(**{name: tuple(values) for name, values in counts.items()}, frechet=frechet)


def _mean(values: Iterable[float | None]) -> float | None:
    """None where some are missing."""
    every = list(values)
    known = [value for value in every if value is not None]
    return float(np.mean(known)) if known and len(known) == len(every) else None
