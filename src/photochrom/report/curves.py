"""The charts of a study: colour against accuracy, what hints gain, gains over grey, training."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from photochrom.errors import BadData
from photochrom.evaluation import metrics
from photochrom.evaluation.results import Results, Summary
from photochrom.report import plot_style
from photochrom.report.compare import Difference
from photochrom.report.plot_style import (
    AROUND,
    BESIDE,
    FAINT,
    LEFT,
    LOOKS,
    MUTED,
    PAPER,
    RIGHT,
    Label,
    Spot,
)
from photochrom.report.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A row's name, taken apart into the line it belongs to and its place there.
_VIVID = re.compile(r"(.+, vivid) (\d+(?:\.\d+)?(?:e-\d+)?)")
_HINTS = re.compile(r"(.+), (\d+) hints?")


def tradeoff(results: Results, target: str | os.PathLike[str]) -> None:
    """Draw PSNR (up) against colourfulness (right): what a model pays for its colours.

    Rows called ``"<model>, vivid <number>"`` are one line in the order of that number. Rows with
    hints are left out: they know some of the truth, and would dwarf what is shown here.

    Args:
        results: of any rows.
        target: a .png or .svg file, replaced if it exists.

    Raises:
        BadOption: another suffix.
        MissingExtra: matplotlib is not installed.
        CannotWrite: the folder does not take it; nothing is left behind.
    """
    plot_style.write(lambda: draw_tradeoff(results), target)


def hint_curve(results: Results, target: str | os.PathLike[str]) -> None:
    """Draw how many dB of PSNR each hinted model gains by hints over itself without.

    Args:
        results: with the rows of a hinted colorizer, 0 hints among them.
        target: as for :func:`tradeoff`.

    Raises:
        BadData: no such rows.
        BadOption, MissingExtra, CannotWrite: as for :func:`tradeoff`.
    """
    plot_style.write(lambda: draw_hint_curve(results), target)


def draw_tradeoff(results: Results) -> Figure:
    """What :func:`tradeoff` writes."""
    figure, axes = plot_style.page(results.caption)
    axes.set_xlabel("colourfulness of the output ÷ that of the truth")
    axes.set_ylabel("PSNR, dB")
    axes.axvline(1, color=FAINT, linewidth=0.8, zorder=0)
    baselines = [row for row in results.summary if row.name in ("grey", "constant")]
    labels: list[Label] = []
    for row in baselines:
        if row.name == "grey":
            axes.axhline(row.psnr_mean, color=FAINT, linewidth=0.8, zorder=0)
        axes.plot(*_spot(row), "o", color=MUTED, markerfacecolor=PAPER)
        labels.append((_spot(row), row.name, MUTED, RIGHT))
    others = [row for row in results.summary if row not in baselines and row.hints is None]
    for line, (colour, marker) in zip(_lines(others, _VIVID).values(), cycle(LOOKS), strict=False):
        spots = [_spot(row) for row in line.values()]
        axes.plot(*zip(*spots, strict=True), color=colour, marker=marker)
        first, *rest = line
        labels.append((spots[0], line[first].name, colour, LEFT if rest else RIGHT))
        labels += [
            (spot, f"{vivid:g}", colour, RIGHT) for spot, vivid in zip(spots[1:], rest, strict=True)
        ]
    axes.margins(0.08, 0.12)
    labels.sort(key=lambda label: -len(label[1]))  # long ones are hard to place
    plot_style.label(figure, axes, labels)
    return figure


def _spot(row: Summary) -> Spot:
    return row.colourfulness_ratio, row.psnr_mean


def draw_hint_curve(results: Results) -> Figure:
    """What :func:`hint_curve` writes."""
    hinted = _lines((row for row in results.summary if row.hints is not None), _HINTS)
    lines = {model: line for model, line in hinted.items() if 0 in line}
    if not lines:
        raise BadData("No gain by hints to draw: measure a hinted colorizer, also with 0 hints.")
    figure, axes = plot_style.page(f"{results.caption}; shaded: 95 % interval")
    axes.set_xlabel("hints: patches at random places whose true colour is told")
    axes.set_ylabel("gain in PSNR over no hints, dB")
    labels: list[Label] = []
    for (model, line), (colour, marker) in zip(lines.items(), cycle(LOOKS), strict=False):
        without = _psnr(results, line[0])
        gains = [_psnr(results, row) - without for row in line.values()]  # photo by photo
        means = [float(gain.mean()) for gain in gains]
        low, high = zip(*map(metrics.bootstrap_interval, gains), strict=True)
        axes.fill_between(list(line), low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(list(line), means, color=colour, marker=marker)
        labels.append(((max(line), means[-1]), model, colour, BESIDE))
    counts = sorted({count for line in lines.values() for count in line})
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)  # 0 as far from 1 as 1 from 2
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.set_xticks([], minor=True)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    labels.sort(key=lambda label: -label[0][1])  # from the top, each below the last
    plot_style.label(figure, axes, labels)
    return figure


def draw_gains(gains: Mapping[str, Difference]) -> Figure:
    """How many dB each row has over grey, with its 95 % interval; what loses lies left of 0."""
    figure, axes = plot_style.page("", (5, 0.7 + 0.27 * len(gains)))
    axes.set_xlabel("PSNR over doing nothing, dB")
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    for place, gain in enumerate(gains.values()):
        colour = (
            plot_style.COLOURS[1]
            if gain.high < 0
            else MUTED
            if gain.low <= 0
            else plot_style.COLOURS[2]
        )
        axes.plot([gain.low, gain.high], [place, place], color=colour, linewidth=4, alpha=0.35)
        axes.plot(gain.mean, place, "s" if gain.high < 0 else "o", color=colour)
    axes.set_yticks(range(len(gains)), list(gains), parse_math=False)
    axes.set_ylim(len(gains) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def draw_training(runs: Sequence[Run], figure_of: str, words: str, log: bool = False) -> Figure:
    """One figure of ``metrics.jsonl`` over epochs, a line for each run that reported it."""
    figure, axes = plot_style.page("", (5, 3.2))
    axes.set_xlabel("epochs")
    axes.set_ylabel(words)
    labels: list[Label] = []
    for run, (colour, marker) in zip(runs, cycle(LOOKS), strict=False):
        spots = np.array(history(run, figure_of)).reshape(-1, 2)
        if len(spots):
            every = max(1, len(spots) // 8)
            axes.plot(*spots.T, color=colour, marker=marker, markevery=(every - 1, every))
            labels.append(((spots[-1, 0], spots[-1, 1]), run.name, colour, AROUND))
    if log:
        axes.set_yscale("log")
    axes.margins(0.03, 0.08)
    labels.sort(key=lambda label: -label[0][1])
    plot_style.label(figure, axes, labels)
    return figure


def history(run: Run, figure_of: str) -> list[Spot]:
    """Epoch and value of each line of a run's log that has a number for it."""
    return [
        (line["epoch"], line[figure_of])
        for line in run.log
        if np.isfinite(line.get(figure_of, np.nan)) and "epoch" in line
    ]


def draw_mixes(runs: Mapping[float, Summary]) -> Figure:
    """PSNR, colourfulness and the largest jump of the same model over alpha."""
    from matplotlib.figure import Figure

    figure = Figure((7.2, 2.4), plot_style.DPI, layout="constrained")
    values: tuple[tuple[str, list[float | None]], ...] = (
        ("PSNR, dB", [row.psnr_mean for row in runs.values()]),
        ("colourfulness ÷ truth's", [row.colourfulness_ratio for row in runs.values()]),
        ("largest jump ÷ truth's", [row.jump for row in runs.values()]),
    )
    for axes, (words, line), (colour, marker) in zip(
        figure.subplots(1, 3), values, LOOKS[:3], strict=True
    ):
        known = [(alpha, v) for alpha, v in zip(runs, line, strict=True) if v is not None]
        axes.set_title(words)
        axes.plot(*(zip(*known, strict=True) if known else ([], [])), color=colour, marker=marker)
        axes.set_xticks(list(runs), [f"{alpha:g}" for alpha in runs])
        axes.set_xlabel("α: share of MSE, the rest L1")
        axes.margins(0.08, 0.2)
    return figure


def _psnr(results: Results, row: Summary) -> Any:
    return np.array([score.psnr for score in results.rows[row.name]])


def _lines(rows: Iterable[Summary], pattern: re.Pattern[str]) -> dict[str, dict[float, Summary]]:
    """Rows by line and by place in it, in order; a row of another name is a line of its own."""
    lines: dict[str, dict[float, Summary]] = {}
    for row in rows:
        match = pattern.fullmatch(row.name)
        name, place = (match[1], float(match[2])) if match else (row.name, 0.0)
        lines.setdefault(name, {})[place] = row
    return {name: dict(sorted(line.items())) for name, line in lines.items()}
