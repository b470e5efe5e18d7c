"""Runs as a study sees them: what each was asked to do, how far it came, and how it was measured.

A run is a folder that a training left behind, with the figures ``photochrom evaluate`` put into it;
or a file of figures alone, of models that were not trained here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import combinations
from pathlib import Path

from photochrom.errors import BadData, BadRun
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import BASELINES, Row
from photochrom.report.run_files import read_config, read_lines
from photochrom.report.settings import Settings, describe_differences


@dataclass(frozen=True)
class MeasuredRun:
    """One training, or one file of figures of models that were not trained here."""

    name: str
    path: Path
    results: Results
    """Of its own rows and the baselines."""
    experiment: Settings = field(default_factory=dict)
    """What it was asked to do; empty for a file of figures."""
    training_photos: int | None = None
    log: Sequence[Mapping[str, float]] = ()
    """The lines of ``metrics.jsonl``: step, epoch, seconds and what was reported."""
    stale: bool = False
    """Its weights are newer than its figures."""

    @property
    def trained(self) -> bool:
        """Whether it is a run folder."""
        return bool(self.experiment)

    @property
    def facts(self) -> Mapping[str, str]:
        """What its model says of itself."""
        return next(iter(self.results.models.values()), {})

    @property
    def model(self) -> str:
        """Which network it is, as the presets call it."""
        return str(self.experiment.get("model") or self.facts.get("experiment") or self.name)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Its rows that were given no hints; of a run folder, the first stands for it."""
        rows = self.results.rows
        return tuple(row for row in rows if row not in BASELINES and row.hints is None)

    @property
    def own_rgb(self) -> Row | None:
        """The row of the network's own picture, if it paints one."""
        return next((row for row in self.rows if row.own_rgb), None)

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

    runs: tuple[MeasuredRun, ...]
    results: Results
    """The rows of all of them."""
    presets: Mapping[str, Settings] = field(default_factory=dict)
    """What each model's training is by rights."""

    def run_of(self, row: Row) -> MeasuredRun | None:
        """Whose row it is; None for the baselines."""
        return next((r for r in self.runs if row in r.results.rows and row not in BASELINES), None)

    def run_for_model(self, model: str) -> MeasuredRun | None:
        """The run that stands for a preset: with its own mix of losses, the least reduced first."""
        alpha = self.presets.get(model, {}).get("alpha")
        found = [r for r in self.runs if r.trained and r.model == model]
        usual = [r for r in found if r.experiment.get("alpha") == alpha] or found
        return min(usual, key=lambda run: (bool(self.mark(run)), run.name != model), default=None)

    def marks(self, run: MeasuredRun) -> tuple[str, ...]:
        """What has to be known of a run before its figures are compared with another's."""
        marks = [self.mark(run)]
        if run.diverged is not None:
            marks.append(f"diverged at step {run.diverged:,}")
        if run.stale:
            marks.append("evaluated before its last training")
        return tuple(mark for mark in marks if mark)

    def mark(self, run: MeasuredRun) -> str:
        """In what a run falls short of its model's preset or differs from it; empty for neither."""
        preset = self.presets.get(run.model)
        if not run.trained:
            return ""
        if not preset:
            return "no preset to compare it with"
        return describe_differences(run.experiment, preset, run.training_photos, run.epochs)


def read_study(paths: Sequence[Path], presets: Mapping[str, Settings]) -> Study:
    """Read runs that belong into one report.

    They come in the order of the presets; those of one model, as they were named.

    Args:
        paths: run folders, or files of figures.
        presets: each model's own settings, by its name.

    Raises:
        BadRun, BadData: a run cannot be read, or two of them were not measured alike.
    """
    runs = [read_run(path) for path in paths]
    if not runs:
        raise BadRun("There is nothing to report: name run folders.")
    for one, other in combinations(runs, 2):
        try:
            one.results.joined(other.results)
        except BadData as error:
            reason = str(error)
            step = (
                "rename one of them and evaluate it anew"
                if reason.startswith("both")
                else "evaluate them in one go: photochrom evaluate RUN... --data ..."
            )
            raise BadData(
                f"{one.path} and {other.path} do not go together, {reason}: {step}."
            ) from error
    order = {model: i for i, model in enumerate(presets)}
    runs.sort(key=lambda run: (not run.trained, order.get(run.model, len(order))))
    return Study(tuple(runs), reduce(Results.joined, (run.results for run in runs)), presets)


def read_run(path: Path) -> MeasuredRun:
    """One run folder, or one file of figures.

    Raises:
        BadRun: nothing there, or damaged. BadData: its figures are.
    """
    if path.is_file():
        return MeasuredRun(path.name.removesuffix(".json"), path, Results.read_json(path))
    name = path.resolve().name
    if not path.is_dir():
        raise BadRun(f"{path} does not exist: name a run folder, or a .json of figures.")
    experiment, data = read_config(path)
    figures, weights = path / "evaluation.json", path / "model.safetensors"
    if not figures.is_file():
        raise BadRun(
            f"{path} has no evaluation.json: photochrom evaluate {path} --data PHOTOS first."
        )
    log = read_lines(path / "metrics.jsonl")
    if not all(isinstance(value, float) for line in log for value in line.values()):
        raise BadRun(f"{path / 'metrics.jsonl'} is damaged: use a copy, or delete it.")
    run = MeasuredRun(
        name,
        path,
        Results.read_json(figures),
        experiment,
        data.get("training_photos"),
        log,
        weights.is_file() and weights.stat().st_mtime > figures.stat().st_mtime,
    )
    if not any(row.model == name for row in run.rows):
        theirs = next(iter(run.rows), "nothing")
        raise BadRun(
            f"{figures} tells of {theirs}, not of {name}: photochrom evaluate {path} --data "
            "PHOTOS again."
        )
    return run
