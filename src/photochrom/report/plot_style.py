"""How the study's charts look, and how they come into files and into a page.

Readable in grey and by the colour-blind: lines differ in marker too.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom import files
from photochrom.errors import BadOption, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SUFFIXES = (".png", ".svg")
SIZE, DPI = (7.2, 4.5), 200  # inches, dots an inch

# Okabe and Ito 2008, "Color universal design": six of its eight colours, the strong ones first;
# black would pass for a frame, and yellow is lost on white. The markers tell them apart in grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
LOOKS = tuple((COLORS[i % 6], _MARKERS[(i + i // 6) % 6]) for i in range(36))
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
    "legend.borderaxespad": 0.2,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.hashsalt": "photochrom",  # names within the file, random without it
    "text.color": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


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


def save_figure(draw: Callable[[], Figure], target: str | os.PathLike[str]) -> None:
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


def render_svg(draw: Callable[[], Figure], name: str) -> str:
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
    for i, color in enumerate(COLORS, 1):
        svg = svg.replace(color.lower(), f"var(--c{i})")
    for color, variable in ((MUTED, "muted"), (FAINT, "line"), (PAPER, "paper")):
        svg = svg.replace(color.lower(), f"var(--{variable})")
    return svg


def new_chart(title: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty figure of so many inches, and its axes."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and opens displays

    figure = Figure(size, DPI, layout="constrained")
    axes = figure.add_subplot(title=title)
    return figure, axes


def add_legend(figure: Figure, lines: Mapping[str, Line2D]) -> None:
    """Name lines below the axes, in as many columns as fit; the figure grows by its height."""
    width, height = figure.get_size_inches()
    longest = max(map(len, lines), default=0)
    columns = max(1, min(3, len(lines), int(width / (0.7 + 0.08 * longest))))
    figure.set_size_inches(width, height + 0.19 * -(-len(lines) // columns))
    # Named afterwards: a label that begins with _ would be left out, a pair of $ be mathematics.
    legend = figure.legend(
        lines.values(), map(str, range(len(lines))), loc="outside lower left", ncols=columns
    )
    for text, name in zip(legend.get_texts(), lines, strict=True):
        text.set_text(name)
        text.set_parse_math(False)
