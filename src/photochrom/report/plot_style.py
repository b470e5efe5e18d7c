"""How the study's charts look, where their labels stand, and how they come into a page.

Readable in grey and by the colour-blind: lines differ in marker too, and bear their names.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photochrom import files
from photochrom.errors import BadOption, MissingExtra

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
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
LOOKS = tuple((COLOURS[i % 6], _MARKERS[(i + i // 6) % 6]) for i in range(36))
"""Colour and marker of each line: no two alike."""
MUTED, FAINT, PAPER = "#555555", "#BBBBBB", "#FFFFFF"
_STYLE = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "font.size": 9,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.hashsalt": "photochrom",  # names within the file, random without it
    "text.color": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}

# Where a label may stand, the best places first: right or left of a spot, or beside a line's end.
_COMPASS = ((0.7, 0.7), (1, 0), (0, 1), (-0.7, 0.7), (0.7, -0.7), (0, -1), (-1, 0), (-0.7, -0.7))
RIGHT: Offsets = tuple((reach * x, reach * y) for reach in (6, 10, 16) for x, y in _COMPASS)
LEFT: Offsets = tuple((-x, y) for x, y in RIGHT)
BESIDE: Offsets = tuple((8, -down) for down in range(0, 120, 3))
AROUND: Offsets = tuple((8, up) for up in sorted(range(-90, 91, 3), key=abs))


def style() -> AbstractContextManager[None]:
    """The study's own look, whatever the user's settings.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib import style as styles
    except ImportError as error:
        raise MissingExtra("matplotlib", "study") from error
    context: AbstractContextManager[None] = styles.context(["default", _STYLE])
    return context


def write(draw: Callable[[], Figure], target: str | os.PathLike[str]) -> None:
    """Draw into a .png or .svg file, replaced if it exists.

    Raises:
        BadOption: another suffix.
        MissingExtra: matplotlib is not installed.
        CannotWrite: the folder does not take it; nothing is left behind.
    """
    path = Path(target)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise BadOption(f"{path} is no name for a figure: end it in {' or '.join(SUFFIXES)}.")
    undated = {"Date": None} if kind == ".svg" else {}  # the same figure is the same file
    with style():
        figure = draw()
        files.write_atomically(
            path, lambda file: figure.savefig(file, format=kind[1:], metadata=undated)
        )


def inline(draw: Callable[[], Figure], name: str) -> str:
    """Draw as an ``<svg>`` for a page of HTML, in the page's own letters and colours.

    Args:
        draw: makes the figure.
        name: of the chart within the page: its ids begin with it, so that no two charts share one.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    file = io.StringIO()
    with style():
        from matplotlib import rc_context

        with rc_context({"svg.fonttype": "none"}):
            draw().savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)  # HTML knows what an svg is
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 role="img">', svg, count=1)
    svg = re.sub(r"\b(?:xlink:)?href=\"#", f'href="#{name}-', svg)
    svg = svg.replace('id="', f'id="{name}-').replace("url(#", f"url(#{name}-")
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--sans)", svg)
    for i, colour in enumerate(COLOURS, 1):
        svg = svg.replace(colour.lower(), f"var(--c{i})")
    for colour, variable in ((MUTED, "muted"), (FAINT, "line"), (PAPER, "paper")):
        svg = svg.replace(colour.lower(), f"var(--{variable})")
    return svg


def page(title: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty figure of so many inches, and its axes."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and opens displays

    figure = Figure(size, DPI, layout="constrained")
    axes = figure.add_subplot(title=title)
    return figure, axes


def label(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
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
        costs: dict[float, tuple[float, float]] = {}
        for offset in offsets:
            cost = _cost(figure, _stand(note, offset), placed, ink)
            costs.setdefault(cost, offset)
            if not cost:  # the first that covers nothing
                break
        placed.append(_stand(note, costs[min(costs)]))


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
