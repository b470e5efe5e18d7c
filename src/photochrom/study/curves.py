"""Two figures of a study's results: colour against accuracy, and what hints gain.

Readable in grey and by the colour-blind: lines differ in marker too, and bear their names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photochrom import atomic
from photochrom.errors import BadData, BadOption, MissingExtra
from photochrom.study import metrics
from photochrom.study.results import Results, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Spot = tuple[float, float]
Offsets = Sequence[tuple[float, float]]  # points to the right and up
Label = tuple[Spot, str, str, Offsets]  # where in data units, text, colour, places to try

SUFFIXES = (".png", ".svg")
SIZE, DPI = (7.2, 4.5), 200  # inches, dots an inch

# Okabe and Ito 2008, "Color universal design": six of its eight colours, the strong ones first;
# black would pass for a frame, and yellow is lost on white. The markers tell them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LOOKS = tuple(zip(_COLOURS, ("o", "s", "^", "D", "v", "P"), strict=True))
_MUTED, _FAINT = "#555555", "#BBBBBB"
_STYLE = {
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": _MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "font.size": 9,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.hashsalt": "photochrom",  # names within the file, random without it
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
}

# A row's name, taken apart into the line it belongs to and its place there.
_VIVID = re.compile(r"(.+, vivid) (\d+(?:\.\d+)?(?:e-\d+)?)")
_HINTS = re.compile(r"(.+), (\d+) hints?")

# Where a label may stand, the best places first: right or left of a spot, or beside a line's end.
_COMPASS = ((0.7, 0.7), (1, 0), (0, 1), (-0.7, 0.7), (0.7, -0.7), (0, -1), (-1, 0), (-0.7, -0.7))
_RIGHT: Offsets = tuple((reach * x, reach * y) for reach in (6, 10, 16) for x, y in _COMPASS)
_LEFT: Offsets = tuple((-x, y) for x, y in _RIGHT)
_BESIDE: Offsets = tuple((8, -down) for down in range(0, 120, 3))


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
    _write(_draw_tradeoff, results, target)


def hint_curve(results: Results, target: str | os.PathLike[str]) -> None:
    """Draw how many dB of PSNR each hinted model gains by hints over itself without.

    Args:
        results: with the rows of a hinted colorizer, 0 hints among them.
        target: as for :func:`tradeoff`.

    Raises:
        BadData: no such rows.
        BadOption, MissingExtra, CannotWrite: as for :func:`tradeoff`.
    """
    _write(_draw_hint_curve, results, target)


def _write(
    draw: Callable[[Results], Figure], results: Results, target: str | os.PathLike[str]
) -> None:
    path = Path(target)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise BadOption(f"{path} is no name for a figure: end it in {' or '.join(SUFFIXES)}.")
    try:
        from matplotlib import style
    except ImportError as error:
        raise MissingExtra("matplotlib", "study") from error
    undated = {"Date": None} if kind == ".svg" else {}  # the same figure is the same file
    with style.context(["default", _STYLE]):  # whatever the user's own settings
        figure = draw(results)
        atomic.write(path, lambda part: figure.savefig(part, format=kind[1:], metadata=undated))


def _draw_tradeoff(results: Results) -> Figure:
    figure, axes = _page(results.caption)
    axes.set_xlabel("colourfulness of the output ÷ that of the truth")
    axes.set_ylabel("PSNR, dB")
    axes.axvline(1, color=_FAINT, linewidth=0.8, zorder=0)
    baselines = [row for row in results.summary if row.name in ("grey", "constant")]
    labels: list[Label] = []
    for row in baselines:
        if row.name == "grey":
            axes.axhline(row.psnr_mean, color=_FAINT, linewidth=0.8, zorder=0)
        axes.plot(*_spot(row), "o", color=_MUTED, markerfacecolor="white")
        labels.append((_spot(row), row.name, _MUTED, _RIGHT))
    others = [row for row in results.summary if row not in baselines and row.hints is None]
    for line, (colour, marker) in zip(_lines(others, _VIVID).values(), cycle(_LOOKS), strict=False):
        spots = [_spot(row) for row in line.values()]
        axes.plot(*zip(*spots, strict=True), color=colour, marker=marker)
        first, *rest = line
        labels.append((spots[0], line[first].name, colour, _LEFT if rest else _RIGHT))
        labels += [
            (spot, f"{vivid:g}", colour, _RIGHT)
            for spot, vivid in zip(spots[1:], rest, strict=True)
        ]
    axes.margins(0.08, 0.12)
    labels.sort(key=lambda label: -len(label[1]))  # long ones are hard to place
    _label(figure, axes, labels)
    return figure


def _spot(row: Summary) -> Spot:
    return row.colourfulness_ratio, row.psnr_mean


def _draw_hint_curve(results: Results) -> Figure:
    hinted = _lines((row for row in results.summary if row.hints is not None), _HINTS)
    lines = {model: line for model, line in hinted.items() if 0 in line}
    if not lines:
        raise BadData("No gain by hints to draw: measure a hinted colorizer, also with 0 hints.")
    figure, axes = _page(f"{results.caption}; shaded: 95 % interval")
    axes.set_xlabel("hints: patches at random places whose true colour is told")
    axes.set_ylabel("gain in PSNR over no hints, dB")
    labels: list[Label] = []
    for (model, line), (colour, marker) in zip(lines.items(), cycle(_LOOKS), strict=False):
        without = _psnr(results, line[0])
        gains = [_psnr(results, row) - without for row in line.values()]  # photo by photo
        means = [float(gain.mean()) for gain in gains]
        low, high = zip(*map(metrics.bootstrap_interval, gains), strict=True)
        axes.fill_between(list(line), low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(list(line), means, color=colour, marker=marker)
        labels.append(((max(line), means[-1]), model, colour, _BESIDE))
    counts = sorted({count for line in lines.values() for count in line})
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)  # 0 as far from 1 as 1 from 2
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.set_xticks([], minor=True)
    axes.axhline(0, color=_FAINT, linewidth=0.8, zorder=0)
    labels.sort(key=lambda label: -label[0][1])  # from the top, each below the last
    _label(figure, axes, labels)
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


def _page(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and opens displays

    figure = Figure(SIZE, DPI, layout="constrained")
    axes = figure.add_subplot(title=title)
    return figure, axes


def _label(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    """Write each label in turn where it covers least: no other, and little of lines and marks."""
    notes = [
        axes.annotate(
            text, spot, offsets[0], textcoords="offset points", color=colour, parse_math=False
        )
        for spot, text, colour, offsets in labels
    ]
    figure.draw_without_rendering()  # lays the page out, with room for labels beside the axes
    figure.set_layout_engine("none")
    ink = np.concatenate([_dots(line) for line in axes.lines])
    placed: list[Bbox] = []
    for note, (*_, offsets) in zip(notes, labels, strict=True):
        best = min(offsets, key=lambda offset: _cost(figure, _stand(note, offset), placed, ink))
        placed.append(_stand(note, best))


def _stand(note: Annotation, offset: tuple[float, float]) -> Bbox:
    """Put a label at an offset from its spot, beginning or ending there; its box in dots."""
    x, y = offset
    note.set_position(offset)
    note.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
    note.set_verticalalignment("bottom" if y > 0 else "top" if y < 0 else "center_baseline")
    return note.get_window_extent().padded(DPI / 72)  # by a point


def _cost(figure: Figure, box: Bbox, placed: Sequence[Bbox], ink: Any) -> float:
    inside = figure.bbox.contains(*box.min) and figure.bbox.contains(*box.max)
    return 1000 * (box.count_overlaps(placed) + (not inside)) + box.count_contains(ink)


def _dots(line: Line2D) -> Any:
    """Points along a line, ``(n, 2)`` in dots of the page."""
    from matplotlib.path import Path as Curve

    corners = line.get_transform().transform(line.get_xydata())
    return Curve(corners).interpolated(40).vertices
