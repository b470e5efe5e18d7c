"""The charts of a study: colour against accuracy, what hints gain, gains over grey, training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadData
from photochrom.evaluation import metrics
from photochrom.evaluation.results import Results, RowSummary
from photochrom.evaluation.rows import BASELINES, GREY, Row
from photochrom.report import plot_style
from photochrom.report.compare import Difference
from photochrom.report.plot_style import FAINT, LOOKS, MUTED, PAPER
from photochrom.report.runs import MeasuredRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


def draw_tradeoff(results: Results) -> Figure:
    """PSNR (up) against colourfulness (right): what a model pays for its colours.

    The settings of ``vivid`` of one model are one line. Rows with hints are left out: they know
    some of the truth, and would dwarf what is shown here.
    """
    figure, axes = plot_style.new_chart(results.caption)
    axes.set_xlabel("colourfulness of the output ÷ that of the truth")
    axes.set_ylabel("PSNR, dB")
    axes.axvline(1, color=FAINT, linewidth=0.8, zorder=0)
    named: dict[str, Line2D] = {}
    baselines = [row for row in results.summary if row.row in BASELINES]
    for row, marker in zip(baselines, "os", strict=False):
        if row.row == GREY:
            axes.axhline(row.psnr_mean, color=FAINT, linewidth=0.8, zorder=0)
        (named[str(row.row)],) = axes.plot(
            row.colorfulness_ratio, row.psnr_mean, marker,
            color=MUTED, markerfacecolor=PAPER, linestyle="none",
        )  # fmt: skip
    others = [row for row in results.summary if row not in baselines and row.row.hints is None]
    beside = cycle([(4, 4), (4, -11)])  # where the values of vivid stand, line after line
    for line, (color, marker) in zip(_lines(others, "vivid"), cycle(LOOKS), strict=False):
        spots = [(row.colorfulness_ratio, row.psnr_mean) for row in line]
        (drawn,) = axes.plot(*zip(*spots, strict=True), color=color, marker=marker)
        vivid = [f"{row.row.vivid:g}" for row in line if row.row.vivid is not None]
        named[f"{line[0].row} to {vivid[-1]}" if len(vivid) > 1 else str(line[0].row)] = drawn
        offset = next(beside)
        for spot, value in zip(spots, vivid, strict=False):
            axes.annotate(value, spot, offset, textcoords="offset points", color=color)
    axes.margins(0.08, 0.12)
    plot_style.add_legend(figure, named)
    return figure


def draw_hint_curve(results: Results) -> Figure:
    """How many dB of PSNR each hinted model gains by hints over itself without.

    Raises:
        BadData: there are no rows of a hinted colorizer with 0 hints among them.
    """
    hinted = _lines((row for row in results.summary if row.row.hints is not None), "hints")
    lines = [line for line in hinted if line[0].row.hints == 0]
    if not lines:
        raise BadData("No gain by hints to draw: measure a hinted colorizer, also with 0 hints.")
    figure, axes = plot_style.new_chart(f"{results.caption}; shaded: 95 % interval")
    axes.set_xlabel("hints: patches at random places whose true colour is told")
    axes.set_ylabel("gain in PSNR over no hints, dB")
    named: dict[str, Line2D] = {}
    for line, (color, marker) in zip(lines, cycle(LOOKS), strict=False):
        counts = [row.row.hints or 0 for row in line]
        psnr = [_psnr(results, row.row) for row in line]
        gains = [of_row - psnr[0] for of_row in psnr]  # photo by photo
        low, high = zip(*map(metrics.bootstrap_interval, gains), strict=True)
        axes.fill_between(counts, low, high, color=color, alpha=0.15, linewidth=0)
        (drawn,) = axes.plot(counts, [gain.mean() for gain in gains], color=color, marker=marker)
        named[str(replace(line[0].row, hints=None))] = drawn
    ticks = sorted({row.row.hints or 0 for line in lines for row in line})
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)  # 0 as far from 1 as 1 from 2
    axes.set_xticks(ticks, [f"{count:g}" for count in ticks])
    axes.set_xticks([], minor=True)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    plot_style.add_legend(figure, named)
    return figure


def draw_gains(gains: Mapping[Row, Difference]) -> Figure:
    """How many dB each row has over grey, with its 95 % interval; what loses lies left of 0."""
    figure, axes = plot_style.new_chart("", (5, 0.7 + 0.27 * len(gains)))
    axes.set_xlabel("PSNR over doing nothing, dB")
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    colors = {"does not hold": plot_style.COLORS[1], "holds": plot_style.COLORS[2]}
    for place, gain in enumerate(gains.values()):
        color = colors.get(gain.outcome, MUTED)
        axes.plot([gain.low, gain.high], [place, place], color=color, linewidth=4, alpha=0.35)
        axes.plot(gain.mean, place, "s" if gain.high < 0 else "o", color=color)
    axes.set_yticks(range(len(gains)), list(map(str, gains)), parse_math=False)
    axes.set_ylim(len(gains) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def draw_training(runs: Sequence[MeasuredRun], figure_of: str, words: str) -> Figure:
    """One figure of ``metrics.jsonl`` over epochs, a line for each run that reported it."""
    figure, axes = plot_style.new_chart("", (5, 3.2))
    axes.set_xlabel("epochs")
    axes.set_ylabel(words)
    named: dict[str, Line2D] = {}
    for run, (color, marker) in zip(runs, cycle(LOOKS), strict=False):
        if spots := history(run, figure_of):
            every = max(1, len(spots) // 8)
            (named[run.name],) = axes.plot(
                *zip(*spots, strict=True),
                color=color, marker=marker, markevery=(every - 1, every),
            )  # fmt: skip
    if figure_of == "loss":
        axes.set_yscale("log")
    axes.margins(0.03, 0.08)
    plot_style.add_legend(figure, named)
    return figure


def history(run: MeasuredRun, figure_of: str) -> list[tuple[float, float]]:
    """Epoch and value of each line of a run's log that has a number for it."""
    return [
        (line["epoch"], line[figure_of])
        for line in run.log
        if np.isfinite(line.get(figure_of, np.nan)) and "epoch" in line
    ]


def draw_mixes(runs: Mapping[float, RowSummary]) -> Figure:
    """PSNR, colourfulness and the largest jump of the same model over alpha."""
    from matplotlib.figure import Figure

    figure = Figure((7.2, 2.4), plot_style.DPI, layout="constrained")
    values: tuple[tuple[str, list[float | None]], ...] = (
        ("PSNR, dB", [row.psnr_mean for row in runs.values()]),
        ("colourfulness ÷ truth's", [row.colorfulness_ratio for row in runs.values()]),
        ("largest jump ÷ truth's", [row.jump for row in runs.values()]),
    )
    for axes, (words, line), (color, marker) in zip(
        figure.subplots(1, 3), values, LOOKS[:3], strict=True
    ):
        known = [(alpha, v) for alpha, v in zip(runs, line, strict=True) if v is not None]
        axes.set_title(words)
        axes.plot(*(zip(*known, strict=True) if known else ([], [])), color=color, marker=marker)
        axes.set_xticks(list(runs), [f"{alpha:g}" for alpha in runs])
        axes.set_xlabel("α: share of MSE, the rest L1")
        axes.margins(0.08, 0.2)
    return figure


def _psnr(results: Results, row: Row) -> Array:
    return np.array([score.psnr for score in results.rows[row]])


def _lines(rows: Iterable[RowSummary], along: str) -> list[list[RowSummary]]:
    """Rows that differ in ``along`` alone, in its order; a row without it is a line of its own."""
    lines: dict[tuple[Row, bool], list[RowSummary]] = {}
    for row in rows:
        place = getattr(row.row, along)
        rest = replace(row.row, hints=None) if along == "hints" else replace(row.row, vivid=None)
        lines.setdefault((rest, place is None), []).append(row)
    return [sorted(line, key=lambda row: getattr(row.row, along) or 0) for line in lines.values()]
