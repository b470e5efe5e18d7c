"""Runs as a study sees them: what each was asked to do, how far it came, and how it was measured.

A run is a folder that a training left behind, with the figures ``photochrom evaluate`` put into it;
or a file of figures alone, of models that were not trained here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from pathlib import Path

from photochrom.color import STUDY_GRID
from photochrom.errors import BadData, BadRun
from photochrom.evaluation.results import BASELINES, HISTOGRAM, Results, Tally
from photochrom.report.run_folder import read_config, read_lines
from photochrom.report.settings import Settings, differences

OWN_RGB = ", own RGB"
"""How the row ends of a network's own picture, where it paints lightness too."""


@dataclass(frozen=True)
class Run:
    """One training, or one file of figures of models that were not trained here."""

    name: str
    path: Path
    results: Results
    """Of its own rows and the baselines."""
    experiment: Settings = field(default_factory=dict)
    """What it was asked to do; empty for a file of figures."""
    training_photos: int | None = None
    log: tuple[Mapping[str, float], ...] = ()
    """The lines of ``metrics.jsonl``: step, epoch, seconds and what was reported."""
    stale: bool = False
    """Its weights are newer than its figures."""

    @property
    def trained(self) -> bool:
        """Whether it is a run folder."""
        return bool(self.experiment)

    @property
    def model(self) -> str:
        """Which network it is, as the presets call it."""
        facts: Mapping[str, str] = next(iter(self.results.models.values()), {})
        return str(self.experiment.get("model") or facts.get("experiment") or self.name)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The names of its rows that were given no hints."""
        return tuple(
            name
            for name, scores in self.results.rows.items()
            if name not in BASELINES and scores[0].hints is None
        )

    @property
    def own_rgb(self) -> str | None:
        """The row of the network's own picture, if it paints one."""
        name = self.name + OWN_RGB
        return name if name in self.results.rows else None

    @property
    def diverged(self) -> int | None:
        """The step at which the loss stopped being a number."""
        return next(
            (int(line["step"]) for line in self.log if not math.isfinite(line.get("loss", 0))), None
        )

    @property
    def epochs(self) -> float | None:
        """How many passes over its photos it made, where that was reported."""
        return next((line["epoch"] for line in reversed(self.log) if "epoch" in line), None)

    @property
    def peak_bytes(self) -> float | None:
        """The most memory its training took, where that was reported."""
        return max((line["peak_bytes"] for line in self.log if "peak_bytes" in line), default=None)


@dataclass(frozen=True)
class Study:
    """Runs that were measured alike."""

    runs: tuple[Run, ...]
    results: Results
    """The rows of all of them."""
    presets: Mapping[str, Settings] = field(default_factory=dict)
    """What each model's training is by rights."""

    def run_of(self, row: str) -> Run | None:
        """Whose row it is; None for the baselines."""
        return next((r for r in self.runs if row in r.results.rows and row not in BASELINES), None)

    def of_model(self, model: str) -> Run | None:
        """The run that stands for a preset: with its own mix of losses, the least reduced first."""
        alpha = self.presets.get(model, {}).get("alpha")
        found = [r for r in self.runs if r.trained and r.model == model]
        usual = [r for r in found if r.experiment.get("alpha") == alpha] or found
        return min(usual, key=lambda run: (bool(self.mark(run)), run.name != model), default=None)

    def marks(self, run: Run) -> tuple[str, ...]:
        """What has to be known of a run before its figures are compared with another's."""
        told = [self.mark(run)]
        if run.diverged is not None:
            told.append(f"diverged at step {run.diverged:,}")
        if run.stale:
            told.append("evaluated before its last training")
        return tuple(mark for mark in told if mark)

    def mark(self, run: Run) -> str:
        """In what a run falls short of its model's preset or differs from it; empty for neither."""
        preset = self.presets.get(run.model)
        if not run.trained:
            return ""
        if not preset:
            return "no preset to compare it with"
        return differences(run.experiment, preset, run.training_photos, run.epochs)


def gather(paths: Sequence[Path], presets: Mapping[str, Settings]) -> Study:
    """Read runs that belong into one report.

    They come in the order of the presets; those of one model, as they were named.

    Args:
        paths: run folders, or files of figures.
        presets: each model's own settings, by its name.

    Raises:
        BadRun, BadData: a run cannot be read, or two of them were not measured alike.
    """
    runs: list[Run] = []
    for path in paths:
        run = read(path)
        for earlier in runs:
            _check_alike(earlier, run)
        runs.append(run)
    if not runs:
        raise BadRun("There is nothing to report: name run folders.")
    order = {model: i for i, model in enumerate(presets)}
    runs.sort(key=lambda run: (not run.trained, order.get(run.model, len(order))))
    return Study(tuple(runs), reduce(Results.joined, (run.results for run in runs)), presets)


def _check_alike(one: Run, other: Run) -> None:
    try:
        one.results.joined(other.results)
    except BadData as error:
        told = str(error).rstrip(".")
        step = (
            "rename one of them and evaluate it anew"
            if told.startswith("both")
            else "evaluate them in one go: photochrom evaluate RUN... --data ..."
        )
        raise BadData(f"{one.path} and {other.path} do not go together, {told}: {step}.") from error


def read(path: Path) -> Run:
    """One run folder, or one file of figures.

    Raises:
        BadRun: nothing there, or damaged. BadData: its figures are.
    """
    if path.is_file():
        return Run(path.name.removesuffix(".json"), path, _figures(path))
    name = path.resolve().name
    if not path.is_dir():
        raise BadRun(f"{path} does not exist: name a run folder, or a .json of figures.")
    experiment, data = read_config(path)
    figures, weights = path / "evaluation.json", path / "model.safetensors"
    if not figures.is_file():
        raise BadRun(
            f"{path} has no evaluation.json: photochrom evaluate {path} --data PHOTOS first."
        )
    results = _figures(figures)
    if not any(row == name or row.startswith(f"{name}, ") for row in results.rows):
        theirs = next((row for row in results.rows if row not in BASELINES), "nothing")
        raise BadRun(
            f"{figures} tells of {theirs}, not of {name}: photochrom evaluate {path} --data "
            "PHOTOS again."
        )
    return Run(
        name,
        path,
        results,
        experiment,
        data.get("training_photos"),
        tuple(read_lines(path / "metrics.jsonl")),
        weights.is_file() and weights.stat().st_mtime > figures.stat().st_mtime,
    )


def _figures(path: Path) -> Results:
    """Figures that are whole: every row of the same photos, every count of its grid."""
    try:
        results = Results.read(path)
        photos = {tuple(score.photo for score in scores) for scores in results.rows.values()}
        sound = (
            {*BASELINES} <= results.rows.keys()
            and len(photos) == 1
            and all(map(_is_whole, results.tallies.values()))
            and all(
                math.isfinite(s.psnr + s.ssim + s.delta_e + s.colourfulness + s.milliseconds)
                and math.isfinite((s.ab_error or 0) + (s.cf or 0) + (s.truth_cf or 0))
                for s in results.scores
            )
        )
        if not sound:
            raise BadData(f"{path} holds only a part of its figures: evaluate anew.")
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise BadData(f"{path} holds no results ({error}): evaluate anew.") from error
    return results


def _is_whole(tally: Tally) -> bool:
    bins, cells = STUDY_GRID.side**2, HISTOGRAM.side**2
    sizes = [len(tally.within_10), len(tally.within_20), len(tally.histogram)]
    return sizes == [bins, bins, cells]
